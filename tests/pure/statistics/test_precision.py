"""When blocks are enough: the table, and what the rule may not look at."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.statistics.intervals import IGNORED_BLOCKS, MIN_BLOCKS, precise_enough, t_interval

ALIKE = [0.1] * MIN_BLOCKS
UNLIKE = [5.0, -5.0] * (IGNORED_BLOCKS // 2)


@pytest.mark.parametrize(
    ("values", "wanted", "expected"),
    [
        ([], 0.1, False),
        ([0.1], 0.1, False),
        (ALIKE, 0.1, False),  # eight alike, and none after them
        (ALIKE + UNLIKE[:5], 0.1, False),
        (ALIKE + UNLIKE, 0.1, True),  # the latest six have no say
        (UNLIKE + ALIKE, 0.1, False),
        ([*map(float, range(1, 9)), *UNLIKE], 2.0479, True),  # t(7) = 2.3646 x 2.4495 / sqrt(8) = 2.04784
        ([*map(float, range(1, 9)), *UNLIKE], 2.0478, False),
    ],
)
def test_enough(values: list[float], wanted: float, expected: bool) -> None:
    assert precise_enough(values, wanted) is expected


@pytest.mark.parametrize("wanted", [0.0, -0.1, math.nan])
def test_a_width_that_nothing_can_have_is_refused(wanted: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        precise_enough(ALIKE + UNLIKE, wanted)


blocks = st.lists(st.integers(-1000, 1000).map(lambda i: i / 64), min_size=2, max_size=30)


@given(blocks, st.floats(0.01, 50), st.integers(-100, 100))
def test_how_large_the_change_is_has_no_say(values: list[float], wanted: float, shift: int) -> None:
    interval = t_interval(values[:-IGNORED_BLOCKS])
    if interval is None or abs(interval.half_width - wanted) > 1e-9:
        assert precise_enough(values, wanted) is precise_enough([v + shift for v in values], wanted)


@given(blocks, st.floats(0.01, 50))
def test_a_wider_interval_is_reached_no_later(values: list[float], wanted: float) -> None:
    assert precise_enough(values, 2 * wanted) or not precise_enough(values, wanted)


def test_intervals_cover_at_the_width_at_which_stopping_is_most_tempting() -> None:
    chance, suites, budget, wanted = np.random.default_rng(1), 1500, 40, 0.45
    covered = tempted = 0
    for values in chance.standard_normal((suites, budget)):
        sizes = range(MIN_BLOCKS, budget + 1)
        stop = next((k for k in sizes if precise_enough(list(values[:k]), wanted)), budget)
        early = max(stop - IGNORED_BLOCKS, MIN_BLOCKS) if stop < budget else budget
        covered += holds(values[:stop])
        tempted += holds(values[:early])
    assert covered / suites > 0.93
    assert tempted < covered


def holds(values: np.ndarray) -> bool:
    interval = t_interval([float(v) for v in values])
    assert interval is not None
    return interval.low <= 0 <= interval.high
