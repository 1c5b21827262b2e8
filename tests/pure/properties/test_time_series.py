"""Where a series has settled: against the definition in exact arithmetic, and where the end of a warm-up is known."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.statistics.time_series import truncation_point


def errors(values: list[int]) -> list[Fraction]:
    """What is minimised, of every cut up to the middle."""
    batches = [Fraction(sum(values[5 * i : 5 * i + 5]), 5) for i in range(len(values) // 5)]
    found = []
    for cut in range(len(batches) // 2 + 1):
        rest = batches[cut:]
        mean = Fraction(sum(rest), len(rest))
        found.append(Fraction(sum((value - mean) ** 2 for value in rest), len(rest) ** 2))
    return found


@given(st.lists(st.integers(0, 40), min_size=50, max_size=150))
def test_it_is_the_cut_of_least_error(values: list[int]) -> None:
    cut = truncation_point(values)
    assert cut is not None
    every = errors(values)
    assert every[cut // 5] <= min(every) + Fraction(1, 10**9)
    assert cut % 5 == 0


fives = st.lists(st.integers(0, 200).map(lambda i: 5 * i), min_size=50, max_size=150)


@given(fives, st.integers(-200, 200).map(lambda i: 5 * i))
def test_level_and_direction_have_no_say(values: list[int], shift: int) -> None:
    assert (
        truncation_point(values)
        == truncation_point([v + shift for v in values])
        == truncation_point([-2 * v for v in values])
    )


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], None),
        ([1.0], None),
        ([1.0] * 49, None),
        ([1.0] * 50, 0),
        ([0.1] * 77, 0),
        ([9.0] * 5 + [1.0] * 45, 5),
        ([9.0] * 7 + [1.0] * 43, 10),  # a batch that is half of it
        ([9.0] * 25 + [1.0] * 25, 25),
        ([9.0] * 40 + [1.0] * 10, 0),  # beyond the middle nothing is looked for
        ([1.0] * 50 + [99.0] * 4, 0),  # what is over is not looked at
        ([1.0] * 100 + [9.0] * 100, 100),
    ],
)
def test_small_tables(values: list[float], expected: int | None) -> None:
    assert truncation_point(values) == expected


def test_a_warm_up_that_fades_is_cut_and_noise_is_not() -> None:
    chance = np.random.default_rng(4)
    seconds = np.arange(120)
    faded = [truncation_point(list(80 * np.exp(-seconds / 5) + chance.normal(40, 2, 120))) for _ in range(200)]
    noise = [truncation_point(list(chance.normal(40, 2, 120))) for _ in range(200)]
    assert all(cut is not None and cut >= 10 for cut in faded)
    assert np.median([cut or 0 for cut in noise]) <= 10


@pytest.mark.parametrize("odd", [math.nan, math.inf])
def test_what_is_no_number_is_refused(odd: float) -> None:
    with pytest.raises(ValueError, match="not a number"):
        truncation_point([1.0] * 60 + [odd])
