"""The minimum detectable effect of a number of blocks, and how many more would decide."""

import math

import numpy as np
import pytest
from scipy import stats

from harness.analysis.comparison import compare
from harness.analysis.summary import summarise
from harness.plan.file import parse_plan
from harness.statistics.intervals import t_interval
from harness.verdict.power import minimum_detectable_effect, more_blocks, precise
from tests.doubles import PLAN, synthetic_trials


@pytest.mark.parametrize(("spread", "blocks"), [(0.05, 4), (0.05, 8), (0.2, 10), (0.01, 5)])
def test_the_minimum_detectable_effect_has_80_percent_power(spread: float, blocks: int) -> None:
    """Against the exact power of the t test, which the formula approximates."""
    change = minimum_detectable_effect(spread, blocks)
    assert change is not None
    shift, reach = math.log1p(change) / (spread / math.sqrt(blocks)), stats.t.ppf(0.975, blocks - 1)
    assert stats.nct.sf(reach, blocks - 1, shift) == pytest.approx(0.8, abs=0.03)


def test_one_block_detects_nothing() -> None:
    assert minimum_detectable_effect(0.05, 1) is None


def test_more_blocks_decide_with_the_same_mean_and_spread() -> None:
    values = [0.01, 0.05, 0.09, 0.05]
    limit = math.log(1.02)
    more = more_blocks(values, limit)
    assert more is not None
    assert more > 0
    spread, mean = float(np.std(values, ddof=1)), 0.05
    for blocks, decides in ((len(values) + more, True), (len(values) + more - 1, False)):
        reach = stats.t.ppf(0.975, blocks - 1) * spread / math.sqrt(blocks)
        assert (mean - reach > limit) == decides


def test_a_decided_target_needs_no_more_blocks() -> None:
    values = [0.5, 0.51, 0.49]
    interval = t_interval(values)
    assert interval is not None
    assert interval.low > 0.1
    assert more_blocks(values, 0.1) == 0


def test_a_mean_at_the_limit_is_never_decided() -> None:
    assert more_blocks([0.0, 0.1, -0.1], 0.0) is None


@pytest.mark.parametrize(
    ("blocks", "expect", "known"),
    [
        (13, "p95 falls by 50 %", False),  # nobody stops before the fourteenth
        (30, "p95 falls by 50 %", True),
        (30, "p95 < 1 ms", True),  # whatever came out
        (30, "p95 rises by at most 0.01 %", False),
        (2, "error_rate < 1 %", True),  # not a matter of blocks
    ],
)
def test_a_run_is_precise_when_the_intervals_of_its_targets_are_narrow(blocks: int, expect: str, known: bool) -> None:
    plan = parse_plan(PLAN.replace("blocks = 2", f"blocks = {blocks}").replace("p95 falls by 50 %", expect))
    comparison = compare(summarise(list(synthetic_trials(plan, rps=20.0))))
    assert precise(plan, comparison) == known
