"""The Hodges-Lehmann interval of the trials against scipy and a published example."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.statistics.intervals import Interval
from tests.trials.signed_ranks import _signed_rank, hodges_lehmann

distinct = st.lists(st.integers(-(10**6), 10**6), min_size=6, max_size=14, unique_by=abs).map(
    lambda whole: [i / 64 for i in whole]
)
blocks = st.lists(st.integers(-50, 50).map(lambda i: i / 8), min_size=6, max_size=40)


@given(distinct)
def test_hodges_lehmann_holds_just_what_the_signed_rank_test_does_not_reject(values: list[float]) -> None:
    found = hodges_lehmann(values)
    assert found is not None
    nudge = 1e-9 * (1 + max(map(abs, values)))
    for inside, outside in ((found.low + nudge, found.low - nudge), (found.high - nudge, found.high + nudge)):
        if found.low + 2 * nudge < found.high:
            assert signed_rank_p(values, inside) > 0.05
        assert signed_rank_p(values, outside) <= 0.05


def signed_rank_p(values: list[float], middle: float) -> float:
    return float(stats.wilcoxon(np.array(values) - middle, method="exact").pvalue)


@given(blocks)
def test_hodges_lehmann_is_the_median_of_all_means_of_two(values: list[float]) -> None:
    found = hodges_lehmann(values)
    assert found is not None
    means = [(a + b) / 2 for i, a in enumerate(values) for b in values[i:]]
    assert found.value == pytest.approx(np.median(means), abs=1e-9)
    assert min(values) <= found.low <= found.value <= found.high <= max(values)


@given(blocks, st.integers(-8, 8), st.sampled_from([-4.0, -1.0, 0.5, 2.0]))
def test_hodges_lehmann_moves_and_stretches_with_its_values(values: list[float], shift: int, factor: float) -> None:
    one, other = hodges_lehmann(values), hodges_lehmann([factor * v + shift for v in values])
    assert one is not None
    assert other is not None
    ends = sorted((factor * one.low + shift, factor * one.high + shift))
    assert [other.value, other.low, other.high] == pytest.approx([factor * one.value + shift, *ends], abs=1e-9)


@given(st.integers(1, 60))
def test_the_signed_rank_distribution_is_that_of_all_signs(n: int) -> None:
    chances = _signed_rank(n)
    sums = np.arange(len(chances))
    assert len(chances) == n * (n + 1) // 2 + 1
    assert chances.sum() == pytest.approx(1, abs=1e-12)
    assert chances @ sums == pytest.approx(n * (n + 1) / 4, rel=1e-9)
    assert chances @ sums**2 - (chances @ sums) ** 2 == pytest.approx(n * (n + 1) * (2 * n + 1) / 24, rel=1e-9)
    assert chances == pytest.approx(chances[::-1], abs=1e-15)


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
