"""Required and advisory targets, and the correction of failures for several targets."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.analysis.change import BlockPair, Change
from harness.analysis.comparison import Comparison, Pair
from harness.errors import PlanError
from harness.metrics import METRICS
from harness.plan.file import parse_plan, read_plan
from harness.plan.model import Plan
from harness.plan.targets import Target
from harness.record.outcome import Outcome
from harness.statistics.intervals import t_interval
from harness.statistics.significance import one_sided_p
from harness.verdict.rules import SIGNIFICANT, _covers, check_targets
from harness.verdict.targets import Reason, RuleInputs
from tests.doubles import PLAN
from tests.pure.verdict.test_verdict import measured, plan_with, verdict_on

ADVISORY = '\nseverity = "advisory"'
THERE = '\nstage = "sustain"'
K = 8


def changed(metric: str, logs: Sequence[float]) -> Pair:
    """A pair with these log ratios per block."""
    interval = t_interval(logs)
    assert interval is not None
    ratio, low, high = (math.exp(part) for part in (interval.value, interval.low, interval.high))
    blocks = tuple(BlockPair(number, 1.0, math.exp(log)) for number, log in enumerate(logs, start=1))
    change = Change("ratio", ratio, low, high, None, None)
    return Pair(METRICS[metric], None, None, 1.0, ratio, None, None, change, blocks, 100_000)


def looks(p: float, centre: float = 0.0) -> list[float]:
    """Log ratios of eight blocks with the one-sided p-value ``p`` for "not above ``centre``"."""
    spread = np.array([-1.5, -1.0, -0.5, -0.1, 0.1, 0.5, 1.0, 1.5]) * 0.01
    t = stats.t.isf(p, K - 1)
    return [float(x) for x in spread + centre + t * spread.std(ddof=1) / math.sqrt(K)]


METRICS_IN_TURN = ("p50", "p95", "p99", "mean", "max", "p90")


def outcomes(p_values: Sequence[float], severities: Sequence[str] | None = None) -> list[Outcome]:
    """Outcomes of targets "does not rise" that are missed with these p-values."""
    names = METRICS_IN_TURN[: len(p_values)]
    kinds = severities or ["required"] * len(p_values)
    targets = [
        Target.model_validate({"expect": f"{name} rises by at most 0 %", "severity": kind})
        for name, kind in zip(names, kinds, strict=True)
    ]
    pairs = tuple(changed(name, looks(p)) for name, p in zip(names, p_values, strict=True))
    return [check.outcome for check in check_targets(targets, RuleInputs(Comparison(pairs, K)))]


F, U = Outcome.FAIL, Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("p_values", "expected"),
    [
        ([0.024], [F]),  # one by itself fails by its interval
        ([0.026], [U]),
        ([0.024, 0.5], [U, U]),  # among two it takes 0.0125
        ([0.0124, 0.5], [F, U]),
        ([0.0124, 0.024], [F, F]),  # the first has failed: the second is one by itself
        ([0.0126, 0.024], [U, U]),
        ([0.004, 0.3, 0.4, 0.5, 0.6, 0.7], [F, U, U, U, U, U]),
        ([0.005, 0.3, 0.4, 0.5, 0.6, 0.7], [U, U, U, U, U, U]),
        ([0.004, 0.0049, 0.006, 0.008, 0.012, 0.024], [F, F, F, F, F, F]),
    ],
)
def test_a_fail_has_to_remain_after_correction(p_values: list[float], expected: list[Outcome]) -> None:
    assert outcomes(p_values) == expected


def test_a_miss_before_correction_only_is_inconclusive() -> None:
    targets = [Target(expect="p50 rises by at most 0 %"), Target(expect="p95 rises by at most 0 %")]
    pairs = (changed("p50", looks(0.02)), changed("p95", looks(0.5)))
    first, _ = check_targets(targets, RuleInputs(Comparison(pairs, K)))
    assert (first.outcome, first.reason) == (Outcome.INCONCLUSIVE, Reason.UNCORRECTED)


def test_advisory_targets_do_not_count_for_the_correction() -> None:
    assert outcomes([0.02, 0.5], ["required", "advisory"]) == [F, U]
    assert outcomes([0.02, 0.02], ["required", "advisory"]) == [F, F]  # and is judged by its own interval


def test_a_target_without_data_counts_for_the_correction() -> None:
    targets = [Target(expect="p50 rises by at most 0 %"), Target(expect="p95 rises by at most 0 %")]
    checks = check_targets(targets, RuleInputs(Comparison((changed("p50", looks(0.02)),), K)))
    assert [check.outcome for check in checks] == [U, U]


def test_limits_need_no_correction_and_make_none() -> None:
    plan = plan_with('expect = "p95 < 0.01 ms"', 'expect = "p50 < 0.01 ms"', 'expect = "p50 falls by 90 %"')
    checks = verdict_on(plan, measured()).checks
    assert [check.outcome for check in checks] == [F, F, F]


@given(st.lists(st.floats(0.0005, 0.6), min_size=1, max_size=6))
def test_holm_only_ever_takes_a_fail_away(p_values: list[float]) -> None:
    alone = [outcomes([p])[0] for p in p_values]
    together = outcomes(p_values)
    assert all(one is other or (one, other) == (F, U) for one, other in zip(alone, together, strict=True))
    if min(p_values) < 0.999 * SIGNIFICANT / len(p_values):  # no more than Bonferroni asks
        assert F in together


@given(
    values=st.lists(st.floats(-3, 3), min_size=2, max_size=12, unique=True),
    limit=st.floats(-3, 3),
    above=st.booleans(),
)
def test_the_p_value_is_that_of_the_t_test(values: list[float], limit: float, *, above: bool) -> None:
    if np.std(values) < 1e-6:
        return
    interval = t_interval(values)
    assert interval is not None
    oracle = stats.ttest_1samp(values, limit, alternative="greater" if above else "less").pvalue
    assert one_sided_p(interval, limit, len(values) - 1, above=above) == pytest.approx(oracle, abs=1e-9)


def of(*targets: str) -> Outcome:
    plan = plan_with(*targets)
    return verdict_on(plan, measured(error_rate=0.2)).outcome


HOLDS, MISSES = 'expect = "rps > 1"', 'expect = "rps > 1000"'
ERRORS, LATENCY = 'expect = "error_rate < 1 %"', 'expect = "p95 < 100 s"'


@pytest.mark.parametrize("advisory", [HOLDS, MISSES, ERRORS, LATENCY, 'expect = "p99 falls by 99 %"'])
@pytest.mark.parametrize("required", [[HOLDS], [MISSES], [LATENCY], [ERRORS, LATENCY], [HOLDS, LATENCY]])
def test_an_advisory_target_changes_no_outcome(required: list[str], advisory: str) -> None:
    assert of(*required, advisory + THERE + ADVISORY) is of(*required)


@pytest.mark.parametrize("advisory", [HOLDS, MISSES])
def test_a_run_with_only_advisory_targets_is_inconclusive(advisory: str) -> None:
    assert of(advisory + ADVISORY) is Outcome.INCONCLUSIVE


def test_an_advisory_latency_is_void_where_errors_are_missed_whichever_they_are() -> None:
    plan = plan_with(LATENCY + THERE + ADVISORY, ERRORS + ADVISORY, LATENCY, HOLDS)
    checks = verdict_on(plan, measured(error_rate=0.2)).checks
    assert [check.reason for check in checks] == [Reason.VOID, Reason.MISSED, Reason.MET, Reason.MET]


def seven(path: Path, last: str) -> Plan:
    tables = "".join(f'[[targets]]\nexpect = "p50 falls by {number} %"\n' for number in range(1, 7))
    path.write_text(f"{PLAN.partition('[[targets]]')[0]}{tables}[[targets]]\n{last}\n")
    return read_plan(path)[0]


def test_a_seventh_required_target_of_a_change_is_refused_before_a_run(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    with pytest.raises(PlanError) as caught:
        seven(path, 'expect = "p95 falls by 1 %"')
    assert "targets[6].severity: " in str(caught.value)
    assert 'write severity = "advisory" here or in another' in str(caught.value)
    assert len(parse_plan(path.read_text()).targets) == 7  # a recorded run may be older than the rule


@pytest.mark.parametrize("last", ['expect = "p95 falls by 1 %"' + ADVISORY, LATENCY])
def test_six_and_limits_and_advisory_ones_are_welcome(tmp_path: Path, last: str) -> None:
    assert len(seven(tmp_path / "plan.toml", last).targets) == 7


def test_a_severity_is_one_of_two() -> None:
    with pytest.raises(PlanError, match=r"targets\[0\]\.severity"):
        parse_plan(PLAN.replace('stage = "sustain"', 'severity = "optional"'))


@pytest.mark.parametrize(
    ("errors", "latency", "covers"),
    [("required", "required", True), ("advisory", "required", False), ("advisory", "advisory", True)],
)
def test_an_advisory_error_limit_does_not_cover_required_targets(errors: str, latency: str, *, covers: bool) -> None:
    limit = Target.model_validate({"expect": "error_rate < 50 %", "severity": errors})
    assert _covers(limit, Target.model_validate({"expect": "p95 < 1 s", "severity": latency})) is covers
