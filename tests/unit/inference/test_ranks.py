"""Published examples of the intervals by ranks, and their edges."""

import math
from fractions import Fraction

import numpy as np
import pytest

from harness.inference.ranks import hodges_lehmann, quantile_interval
from harness.statistics import Interval


def test_hodges_lehmann_reproduces_the_published_example() -> None:
    """Hollander & Wolfe (1973), table 3.1: depression factors of nine patients, before and after tranquilizers."""
    first = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30]
    second = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29]
    found = hodges_lehmann([b - a for a, b in zip(first, second, strict=True)])
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((-0.46, -0.786, -0.01))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], None),
        ([1.0], None),
        ([1.0, 2.0, 3.0, 4.0, 5.0], None),  # 1 - 2/32 is below 95 %
        ([6.0, 1.0, 2.0, 3.0, 4.0, 5.0], Interval(3.5, 1.0, 6.0)),  # the outermost means: 1 - 2/64
        ([2.0] * 6, Interval(2.0, 2.0, 2.0)),
        ([0.0] * 9, Interval(0.0, 0.0, 0.0)),
        ([0.0, 0.0, 0.0, 0.0, 0.0, 6.0], Interval(0.0, 0.0, 6.0)),
        ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], Interval(4.0, 2.0, 6.0)),  # P(T <= 2) = 3/128: the third of either end
    ],
)
def test_hodges_lehmann_at_its_edges(values: list[float], expected: Interval | None) -> None:
    assert hodges_lehmann(values) == expected


def test_one_odd_block_moves_hodges_lehmann_little() -> None:
    plain, odd = hodges_lehmann([*range(1, 11)]), hodges_lehmann([*range(1, 10), 10_000])
    assert plain is not None
    assert odd is not None
    assert abs(odd.value - plain.value) <= 0.5
    assert odd.low == plain.low


@pytest.mark.parametrize(
    ("n", "quantile", "ranks"),
    [
        (0, "0.5", None),
        (1, "0.5", None),
        (5, "0.5", None),
        (6, "0.5", (1, 6)),
        (71, "0.95", None),
        (72, "0.95", (64, 72)),
        (367, "0.99", None),
        (368, "0.99", (360, 368)),
        (100, "0.5", (40, 61)),  # Hahn & Meeker (1991), table A.15
    ],
)
def test_the_ends_of_a_quantile_are_values(n: int, quantile: str, ranks: tuple[int, int] | None) -> None:
    found = quantile_interval(np.arange(n, 0, -1.0), Fraction(quantile))
    assert (found and (found.low, found.high)) == ranks


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="not a number"):
        hodges_lehmann([1.0, 2.0, 3.0, 4.0, 5.0, math.nan])
    with pytest.raises(ValueError, match="infinite"):
        hodges_lehmann([1.0, 2.0, 3.0, 4.0, 5.0, math.inf])
    with pytest.raises(ValueError, match="not a number"):
        quantile_interval(np.array([1.0, math.nan]), Fraction(1, 2))
