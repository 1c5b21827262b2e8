"""Intervals over blocks hold the truth in made-up runs, and what takes requests for independent does not."""

import pytest

from tests.trials import failures
from tests.trials.coverage import TRUTH, Tally, stopped, tempted, trial
from tests.trials.slopes import SLOPE, held


@pytest.fixture(scope="module")
def found() -> dict[str, Tally]:
    return trial(suites=150, seed=7)


@pytest.mark.parametrize("name", ["p50", "p95", "p99"])
@pytest.mark.parametrize("what", ["t, 6 blocks", "t, 8 blocks", "Hodges-Lehmann, 8 blocks", "t, stopped at 8 %"])
def test_intervals_over_blocks_hold_the_truth(found: dict[str, Tally], name: str, what: str) -> None:
    tally = found[f"{name} {what}"]
    assert tally.suites == 150
    assert tally.share > 0.9


@pytest.mark.parametrize(("name", "most"), [("p50", 0.6), ("p95", 0.7)])
def test_a_bootstrap_of_requests_does_not(found: dict[str, Tally], name: str, most: float) -> None:
    assert found[f"{name} bootstrap of requests, 8 blocks"].share < most


def test_stopping_saves_blocks_and_never_asks_the_latest(found: dict[str, Tally]) -> None:
    wide, narrow = (found[f"p50 t, stopped at {wanted} %"].blocks for wanted in (12, 5))
    assert sum(wide) < sum(narrow)
    values = [TRUTH] * 24
    assert (tempted(values, 0.05), stopped(values, 0.05)) == (8, 14)


def test_a_slope_told_by_stretches_is_held_where_a_bootstrap_loses_it() -> None:
    intervals = held(count=60, n=60, kinship=0.5, seed=1)
    shares = {what: sum(one.low <= SLOPE <= one.high for one in some) / 60 for what, some in intervals.items()}
    assert shares["means of stretches"] > 0.9
    assert shares["bootstrap in blocks"] < 0.9


@pytest.mark.parametrize("variation", [0.0, 0.5, 1.5])
def test_intervals_of_error_rates_hold_the_truth_where_legs_differ(variation: float) -> None:
    found = failures.trial(200, 1, blocks=4, requests=6000, rate=0.005, variation=variation)
    assert found.covered >= 0.92
    assert found.failed <= 0.05
    assert found.covered_by_windows < 0.75 or not variation
