"""From synthetic trials to outcomes, and every road that must not lead to PASS."""

import math
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from harness.comparison import Comparison, compare
from harness.metric import METRICS
from harness.plan import Plan, Target
from harness.plan_file import parse_plan
from harness.summary import Summary, summarise
from harness.testing import PLAN, synthetic_setup, synthetic_trials
from harness.trial import Trial
from harness.verdict import Breach, Check, Doubt, Holding, Outcome, Reason, Verdict, judge, wanted_ratios

BASE = PLAN.split("[[targets]]", maxsplit=1)[0]


def plan_with(*targets: str, blocks: int = 4) -> Plan:
    tables = "".join(f"[[targets]]\n{target}\n" for target in targets)
    return parse_plan(BASE.replace("blocks = 2", f"blocks = {blocks}") + tables)


def verdict_of(plan: Plan, trials: list[Trial]) -> Verdict:
    summary = summarise(trials)
    return judge(plan, synthetic_setup(plan), summary, compare(summary))


def check_of(
    target: str, *, change: float = 0.25, error_rate: float = 0.0, blocks: int = 4, rps: float = 40.0
) -> Check:
    plan = plan_with(target, blocks=blocks)
    trials = list(synthetic_trials(plan, change=change, error_rate=error_rate, rps=rps))
    (check,) = verdict_of(plan, trials).checks
    return check


@pytest.mark.parametrize(
    ("target", "change", "outcome", "reason"),
    [
        ('expect = "p50 falls by 60 %"', 0.25, Outcome.PASS, Reason.HOLDS),
        ('expect = "p50 falls by 75 %"', 0.25, Outcome.INCONCLUSIVE, Reason.STRADDLES),
        ('expect = "p50 falls by 90 %"', 0.25, Outcome.FAIL, Reason.MISSES),
        ('expect = "p95 falls by 60 %"\nendpoint = "GET /content/{id}"', 0.25, Outcome.PASS, Reason.HOLDS),
        ('expect = "p95 < 100 s"', 0.25, Outcome.PASS, Reason.HOLDS),
        ('expect = "p95 < 0.01 ms"', 0.25, Outcome.FAIL, Reason.MISSES),
        ('expect = "p95 rises by at most 20 %"', 1.0, Outcome.PASS, Reason.HOLDS),
        ('expect = "p95 rises by at most 5 %"', 1.0, Outcome.INCONCLUSIVE, Reason.STRADDLES),
        ('expect = "p95 rises by at most 5 %"', 2.0, Outcome.FAIL, Reason.MISSES),
        ('expect = "p95 rises by at most 5 % and 900 ms"', 2.0, Outcome.PASS, Reason.HOLDS),
        ('expect = "cache_hit_rate > 80 %"', 0.25, Outcome.PASS, Reason.HOLDS),
        ('expect = "cache_hit_rate > 99 %"', 0.25, Outcome.FAIL, Reason.MISSES),
        ('expect = "queries_per_request <= 1"', 0.25, Outcome.PASS, Reason.WITHIN),
        ('expect = "queries_per_miss <= 1"', 0.25, Outcome.PASS, Reason.WITHIN),
        ('expect = "queries_per_miss <= 0.9"', 0.25, Outcome.FAIL, Reason.OUTSIDE),
        ('expect = "rps falls by at most 20 %"', 0.25, Outcome.PASS, Reason.HOLDS),
        ('expect = "error_rate < 1 %"', 0.25, Outcome.PASS, Reason.HOLDS),
        (
            'expect = "p99 < 100 s"\nstage = "sustain"\nendpoint = "GET /nowhere"',
            0.25,
            Outcome.INCONCLUSIVE,
            Reason.NO_DATA,
        ),
    ],
)
def test_a_check(target: str, change: float, outcome: Outcome, reason: Reason) -> None:
    check = check_of(target, change=change)
    assert (check.outcome, check.reason) == (outcome, reason)


def test_too_few_samples_never_pass() -> None:
    check = check_of('expect = "p99 < 100 s"', rps=5)
    assert (check.outcome, check.reason) == (Outcome.INCONCLUSIVE, Reason.TOO_FEW)


def test_no_errors_in_few_requests_are_not_below_a_tenth_of_a_percent() -> None:
    """3,840 clean requests are needed."""
    assert check_of('expect = "error_rate < 0.1 %"', rps=20).outcome is Outcome.INCONCLUSIVE
    assert check_of('expect = "error_rate < 0.1 %"', rps=60).outcome is Outcome.PASS


def test_one_block_has_no_interval() -> None:
    check = check_of('expect = "p95 falls by 10 %"', blocks=1)
    assert (check.outcome, check.reason) == (Outcome.INCONCLUSIVE, Reason.NO_INTERVAL)
    assert check.pair is not None
    assert check.pair.change is not None
    assert check.pair.change.low is None


def test_latencies_are_void_where_the_error_target_fails() -> None:
    plan = plan_with(
        'expect = "p95 < 100 s"',
        'expect = "error_rate < 1 %"\nendpoint = "GET /content/{id}"',
        'expect = "p50 falls by 10 %"\nendpoint = "POST /interactions"',
        'expect = "rps > 1"',
    )
    verdict = verdict_of(plan, list(synthetic_trials(plan, error_rate=0.2)))
    assert [(c.outcome, c.reason) for c in verdict.checks] == [
        (Outcome.INCONCLUSIVE, Reason.VOID),
        (Outcome.FAIL, Reason.MISSES),
        (Outcome.PASS, Reason.HOLDS),  # another endpoint
        (Outcome.PASS, Reason.HOLDS),  # no latency
    ]
    assert verdict.outcome is Outcome.FAIL


def test_clustered_failures_say_less_than_scattered_ones() -> None:
    plan = plan_with('expect = "error_rate < 3 %"')
    trials = list(synthetic_trials(plan, error_rate=0.01))
    scattered = summarise(trials).row("after", None, None, None)
    assert scattered is not None
    bunched = []
    for trial in trials:
        errors: list[Any] = sorted(trial.samples["error"].to_pylist(), key=lambda e: e is not None)
        column = trial.samples.schema.get_field_index("error")
        field = trial.samples.schema.field(column)
        samples = trial.samples.set_column(column, field, pa.array(errors).cast(field.type))
        bunched.append(replace(trial, samples=samples))
    together = summarise(bunched).row("after", None, None, None)
    assert together is not None
    assert scattered.design_effect < 2 < together.design_effect


@pytest.mark.parametrize(
    ("outcomes", "overall"),
    [
        (['expect = "p50 falls by 10 %"'], Outcome.PASS),
        (['expect = "p50 falls by 10 %"', 'expect = "p50 falls by 75 %"'], Outcome.INCONCLUSIVE),
        (['expect = "p50 falls by 75 %"', 'expect = "p50 falls by 95 %"'], Outcome.FAIL),
        ([], Outcome.INCONCLUSIVE),
    ],
)
def test_the_worst_check_decides_and_no_check_is_no_pass(outcomes: list[str], overall: Outcome) -> None:
    plan = plan_with(*outcomes)
    assert verdict_of(plan, list(synthetic_trials(plan))).outcome is overall


def silent(trial: Trial) -> Trial:
    return replace(trial, samples=trial.samples.slice(0, 0), generation=replace(trial.generation, requests=0))


def busy(trial: Trial) -> Trial:
    return replace(trial, generation=replace(trial.generation, cpu_share=0.81))


def only_ramp(trial: Trial) -> Trial:
    early = trial.samples.slice(0, 20)  # sorted by when they were due, within the first second
    return replace(trial, samples=early, generation=replace(trial.generation, requests=20))


@pytest.mark.parametrize(
    ("spoil", "breach"),
    [(silent, Breach.NO_REQUESTS), (busy, Breach.GENERATOR_BUSY), (only_ramp, Breach.NOTHING_MEASURED)],
)
def test_a_broken_guard_is_invalid_even_if_one_leg_in_eight_breaks_it(spoil: object, breach: Breach) -> None:
    plan = plan_with('expect = "p50 falls by 10 %"', 'expect = "p50 falls by 99 %"')
    trials = list(synthetic_trials(plan))
    assert verdict_of(plan, trials).outcome is Outcome.FAIL
    assert callable(spoil)
    trials[5] = spoil(trials[5])
    verdict = verdict_of(plan, trials)
    assert (verdict.outcome, verdict.breaches) == (Outcome.INVALID, (breach,))


def test_an_endpoint_of_one_arm_only_is_a_doubt() -> None:
    plan = plan_with('expect = "p50 falls by 10 %"')
    trials = list(synthetic_trials(plan))
    assert Doubt.DIFFERENT_MIX not in verdict_of(plan, trials).doubts
    before_only = []
    for trial in trials:
        keep = [
            trial.leg.arm == "before" or name != "POST /interactions" for name in trial.samples["endpoint"].to_pylist()
        ]
        before_only.append(replace(trial, samples=trial.samples.filter(pa.array(keep))))
    assert Doubt.DIFFERENT_MIX in verdict_of(plan, before_only).doubts


def test_no_block_at_all_is_invalid() -> None:
    verdict = verdict_of(plan_with('expect = "p50 falls by 10 %"'), [])
    assert (verdict.outcome, verdict.breaches) == (Outcome.INVALID, (Breach.NO_BLOCK,))


def test_doubts() -> None:
    plan = plan_with('expect = "p95 falls by 10 %"', blocks=4)
    trials = list(synthetic_trials(plan))
    few = verdict_of(plan, trials)
    assert Doubt.FEW_BLOCKS in few.doubts
    assert Doubt.INTERRUPTED not in few.doubts
    assert few.checks[0].doubts == (Doubt.DESCRIPTIVE,)
    assert Doubt.INTERRUPTED in verdict_of(plan, trials[:6]).doubts
    enough = plan_with('expect = "p95 falls by 10 %"', blocks=6)
    assert Doubt.FEW_BLOCKS not in verdict_of(enough, list(synthetic_trials(enough))).doubts
    late = [replace(t, generation=replace(t.generation, lag_p99_ms=50.0)) for t in trials]
    assert Doubt.GENERATOR_LATE in verdict_of(plan, late).doubts


def test_the_change_is_the_mean_over_blocks_and_its_worst_is_shown() -> None:
    plan = plan_with(blocks=6)
    comparison: Comparison = compare(summarise(list(synthetic_trials(plan))))
    pair = comparison.pair("p50", "sustain", "GET /content/{id}")
    assert pair is not None
    assert pair.change is not None
    ratios = [b.after / b.before for b in pair.blocks]
    assert len(ratios) == 6
    assert pair.change.worst == pytest.approx(max(ratios))
    assert min(ratios) < pair.change.value < max(ratios)
    assert pair.change.p == 2 / 2**6
    hits = comparison.pair("cache_hit_rate", "sustain", None)
    assert hits is not None
    assert hits.change is not None
    assert hits.change.scale == "points"
    assert hits.change.value == pytest.approx(0.65, abs=0.05)


@pytest.mark.parametrize(
    ("expect", "low", "high"),
    [
        ("p95 < 150 ms", 0.0, 0.5),  # of 300 ms before
        ("p95 falls by 80 %", 0.0, 0.2),
        ("p95 rises by at most 5 % and 2 ms", 0.0, 1.05),
        ("p95 rises by at most 5 % and 30 ms", 0.0, 1.1),  # the larger allowance counts
        ("rps rises by 150 %", 2.5, math.inf),
        ("rps falls by at most 10 %", 0.9, math.inf),
    ],
)
def test_the_ratios_that_meet_a_target(expect: str, low: float, high: float) -> None:
    pair = check_of('expect = "p95 < 1 s"').pair
    assert pair is not None
    assert wanted_ratios(Target(expect=expect), replace(pair, before=300.0)) == pytest.approx((low, high))


def test_one_stray_leg_does_not_fail_a_work_counter() -> None:
    plan = plan_with('expect = "queries_per_miss <= 1"')
    trials = list(synthetic_trials(plan))
    for number, outcome in ((1, Outcome.INCONCLUSIVE), (2, Outcome.FAIL)):
        stray = iter(range(number))
        spoiled = [eleven_queries(t) if t.leg.arm == "after" and next(stray, None) is not None else t for t in trials]
        assert verdict_of(plan, spoiled).checks[0].outcome is outcome


def eleven_queries(trial: Trial) -> Trial:
    column = trial.samples.schema.get_field_index("queries")
    field = trial.samples.schema.field(column)
    eleven = pa.array([11] * len(trial.samples)).cast(field.type)
    return replace(trial, samples=trial.samples.set_column(column, field, eleven))


@pytest.mark.parametrize(
    ("expect", "holding"),
    [
        ('["p50 falls by 60 %", "p95 < 100 s"]', Holding.HOLDS),
        ('["p50 falls by 60 %", "p50 falls by 90 %"]', Holding.DOES_NOT_HOLD),
        ('["p50 falls by 75 %", "p50 falls by 90 %"]', Holding.DOES_NOT_HOLD),  # one clear miss is enough
        ('["p50 falls by 60 %", "p50 falls by 75 %"]', Holding.CANNOT_TELL),
        ("", Holding.CANNOT_TELL),
    ],
)
def test_a_claim_holds_does_not_hold_or_cannot_be_told(expect: str, holding: Holding) -> None:
    how = f"expect = {expect}" if expect else 'unmeasured = "no probe"'
    claims = f'[[claims]]\nid = "C1"\nsays = "fast"\n{how}\n'
    plan = parse_plan(BASE.replace("blocks = 2", "blocks = 4") + '[[targets]]\nexpect = "p50 falls by 10 %"\n' + claims)
    trials = list(synthetic_trials(plan))
    verdict = verdict_of(plan, trials)
    assert verdict.claims[0].holding is holding
    assert verdict.outcome is Outcome.PASS  # whatever the claims come to
    trials[0] = silent(trials[0])
    assert verdict_of(plan, trials).claims[0].holding is Holding.CANNOT_TELL


def test_every_metric_of_the_registry_has_a_value_in_every_cell() -> None:
    plan = plan_with()
    summary: Summary = summarise(list(synthetic_trials(plan)))
    row = summary.row("after", None, "sustain", "GET /content/{id}")
    assert row is not None
    assert {name for name in METRICS if row.value(name) is None} == set()
