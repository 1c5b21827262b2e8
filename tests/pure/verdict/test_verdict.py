"""From synthetic trials to outcomes, and all cases that must not PASS."""

import math
from dataclasses import replace
from functools import cache
from statistics import median_low
from typing import Any

import pyarrow as pa
import pytest

from harness.analysis.change import BlockPair, Change, arm_interval, paired_change, with_one_design_effect
from harness.analysis.comparison import Comparison, Pair, compare, contrast
from harness.analysis.row import Row
from harness.analysis.summary import Summary, summarise
from harness.finding import Finding
from harness.metrics import METRICS, Origin
from harness.plan.file import parse_plan
from harness.plan.model import Plan
from harness.plan.targets import Target
from harness.record.outcome import Outcome
from harness.record.trial import Incident, Trial
from harness.statistics.intervals import Interval, t_interval, welch
from harness.statistics.proportions import clopper_pearson_low, wilson
from harness.verdict.caveats import (
    COUPLED,
    DESCRIPTIVE,
    DIFFERENT_MIX,
    FEW_BLOCKS,
    GENERATOR_LATE,
    IN_STEPS,
    INTERRUPTED,
    LOWER_BOUND,
    MEASURED_ONCE,
    SEQUENTIAL,
    USER_ERRORS,
)
from harness.verdict.guards import GENERATOR_BUSY, NO_BLOCK, NO_REQUESTS, NOTHING_MEASURED
from harness.verdict.judge import ClaimOutcome, Measurement, Verdict, judge
from harness.verdict.rules import check_targets, failures_to_confirm
from harness.verdict.targets import Check, Reason, RuleInputs, passing_ratios
from tests.doubles import PLAN, synthetic_setup, synthetic_trials

BASE = PLAN.split("[[targets]]", maxsplit=1)[0]


AFTER_FAULTS = ("detection_seconds", "recovery_seconds")


def plan_with(*targets: str, blocks: int = 4) -> Plan:
    tables = "".join(f"[[targets]]\n{target}\n" for target in targets)
    return parse_plan(BASE.replace("blocks = 2", f"blocks = {blocks}") + tables)


@cache
def measured(*, blocks: int = 4, change: float = 0.25, error_rate: float = 0.0, rps: float = 40.0) -> Summary:
    """The trials of a plan with this many blocks; they do not depend on its targets."""
    return summarise(synthetic_trials(plan_with(blocks=blocks), change=change, error_rate=error_rate, rps=rps))


def verdict_of(plan: Plan, trials: list[Trial]) -> Verdict:
    return verdict_on(plan, summarise(trials))


def verdict_on(plan: Plan, summary: Summary) -> Verdict:
    return judge(Measurement(plan, synthetic_setup(plan), summary, compare(summary)))


def check_of(
    target: str, *, change: float = 0.25, error_rate: float = 0.0, blocks: int = 4, rps: float = 40.0
) -> Check:
    plan = plan_with(target, blocks=blocks)
    (check,) = verdict_on(plan, measured(blocks=blocks, change=change, error_rate=error_rate, rps=rps)).checks
    return check


@pytest.mark.parametrize(
    ("target", "change", "outcome", "reason"),
    [
        ('expect = "p50 falls by 60 %"', 0.25, Outcome.PASS, Reason.MET),
        ('expect = "p50 falls by 75 %"', 0.25, Outcome.INCONCLUSIVE, Reason.STRADDLES),
        ('expect = "p50 falls by 90 %"', 0.25, Outcome.FAIL, Reason.MISSED),
        ('expect = "p95 falls by 60 %"\nendpoint = "GET /content/{id}"', 0.25, Outcome.PASS, Reason.MET),
        ('expect = "p95 < 100 s"', 0.25, Outcome.PASS, Reason.MET),
        ('expect = "p95 < 0.01 ms"', 0.25, Outcome.FAIL, Reason.MISSED),
        ('expect = "p95 rises by at most 25 %"', 1.0, Outcome.PASS, Reason.MET),
        ('expect = "p95 rises by at most 5 %"', 1.0, Outcome.INCONCLUSIVE, Reason.STRADDLES),
        ('expect = "p95 rises by at most 5 %"', 2.0, Outcome.FAIL, Reason.MISSED),
        ('expect = "p95 rises by at most 5 % and 900 ms"', 2.0, Outcome.PASS, Reason.MET),
        ('expect = "cache_hit_rate > 80 %"', 0.25, Outcome.PASS, Reason.MET),
        ('expect = "cache_hit_rate > 99 %"', 0.25, Outcome.FAIL, Reason.MISSED),
        ('expect = "queries_per_request <= 1"', 0.25, Outcome.PASS, Reason.WITHIN),
        ('expect = "queries_per_miss <= 1"', 0.25, Outcome.PASS, Reason.WITHIN),
        ('expect = "queries_per_miss <= 0.9"', 0.25, Outcome.FAIL, Reason.OUTSIDE),
        ('expect = "rps falls by at most 20 %"', 0.25, Outcome.PASS, Reason.MET),
        ('expect = "error_rate < 1 %"', 0.25, Outcome.PASS, Reason.MET),
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
    """The upper bound of Wilson's interval needs 3,840 requests without errors."""
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
    verdict = verdict_on(plan, measured(error_rate=0.2))
    assert [(c.outcome, c.reason) for c in verdict.checks] == [
        (Outcome.INCONCLUSIVE, Reason.VOID),
        (Outcome.FAIL, Reason.MISSED),
        (Outcome.PASS, Reason.MET),  # another endpoint
        (Outcome.PASS, Reason.MET),  # no latency
    ]
    assert verdict.outcome is Outcome.FAIL


def test_clustered_failures_decide_less_than_scattered_ones() -> None:
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
    assert verdict_on(plan, measured()).outcome is overall


def silent(trial: Trial) -> Trial:
    return replace(trial, samples=trial.samples.slice(0, 0), generation=replace(trial.generation, requests=0))


def busy(trial: Trial) -> Trial:
    return replace(trial, generation=replace(trial.generation, cpu_share=0.81))


def only_ramp(trial: Trial) -> Trial:
    early = trial.samples.slice(0, 20)  # sorted by when they were due, within the first second
    return replace(trial, samples=early, generation=replace(trial.generation, requests=20))


@pytest.mark.parametrize(
    ("spoil", "breach"),
    [(silent, NO_REQUESTS), (busy, GENERATOR_BUSY), (only_ramp, NOTHING_MEASURED)],
)
def test_a_broken_guard_is_invalid_even_if_one_leg_in_eight_breaks_it(spoil: object, breach: Finding) -> None:
    plan = plan_with('expect = "p50 falls by 10 %"', 'expect = "p50 falls by 99 %"')
    trials = list(synthetic_trials(plan))
    assert verdict_of(plan, trials).outcome is Outcome.FAIL
    assert callable(spoil)
    trials[5] = spoil(trials[5])
    verdict = verdict_of(plan, trials)
    assert (verdict.outcome, verdict.breaches) == (Outcome.INVALID, (breach,))


def test_an_incident_of_a_container_makes_the_run_invalid() -> None:
    plan = plan_with('expect = "p50 falls by 10 %"')
    summary = summarise(list(synthetic_trials(plan)))
    struck = Incident("03-after", "api", "ran out of memory", 12.3)
    setup, comparison = synthetic_setup(plan), compare(summary)
    assert judge(Measurement(plan, setup, summary, comparison)).outcome is Outcome.PASS
    verdict = judge(Measurement(plan, setup, summary, comparison, incidents=[struck]))
    assert verdict.outcome is Outcome.INVALID
    (breach,) = verdict.breaches
    assert breach.code == "CONTAINER_STRUCK"
    assert breach.seen.startswith("api ran out of memory 12 s into leg 03-after")


def test_an_endpoint_of_one_arm_only_is_a_caveat() -> None:
    plan = plan_with('expect = "p50 falls by 10 %"')
    trials = list(synthetic_trials(plan))
    assert DIFFERENT_MIX not in verdict_of(plan, trials).caveats
    before_only = []
    for trial in trials:
        keep = [
            trial.leg.arm == "before" or name != "POST /interactions" for name in trial.samples["endpoint"].to_pylist()
        ]
        before_only.append(replace(trial, samples=trial.samples.filter(pa.array(keep))))
    assert DIFFERENT_MIX in verdict_of(plan, before_only).caveats


def test_no_block_at_all_is_invalid() -> None:
    verdict = verdict_of(plan_with('expect = "p50 falls by 10 %"'), [])
    assert (verdict.outcome, verdict.breaches) == (Outcome.INVALID, (NO_BLOCK,))


def test_caveats() -> None:
    plan = plan_with('expect = "p95 falls by 10 %"', blocks=4)
    trials = list(synthetic_trials(plan))
    few = verdict_of(plan, trials)
    assert FEW_BLOCKS in few.caveats
    assert INTERRUPTED not in few.caveats
    assert few.checks[0].caveats == (DESCRIPTIVE,)
    assert INTERRUPTED in verdict_of(plan, trials[:6]).caveats
    enough = plan_with('expect = "p95 falls by 10 %"', blocks=6)
    assert FEW_BLOCKS not in verdict_on(enough, measured(blocks=6)).caveats
    late = [replace(t, generation=replace(t.generation, lag_p99_ms=50.0)) for t in trials]
    assert GENERATOR_LATE in verdict_of(plan, late).caveats
    raising = [replace(t, generation=replace(t.generation, user_errors=t.leg.number // 8)) for t in trials]
    assert USER_ERRORS in verdict_of(plan, raising).caveats
    assert USER_ERRORS not in few.caveats


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
    assert passing_ratios(Target(expect=expect), replace(pair, before=300.0)) == pytest.approx((low, high))


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
        ('["p50 falls by 60 %", "p95 < 100 s"]', ClaimOutcome.CONFIRMED),
        ('["p50 falls by 60 %", "p50 falls by 90 %"]', ClaimOutcome.REFUTED),
        ('["p50 falls by 75 %", "p50 falls by 90 %"]', ClaimOutcome.REFUTED),  # one clear miss is enough
        ('["p50 falls by 60 %", "p50 falls by 75 %"]', ClaimOutcome.NOT_DECIDED),
        ("", ClaimOutcome.NOT_MEASURED),
    ],
)
def test_a_claim_is_confirmed_refuted_or_not_decided(expect: str, holding: ClaimOutcome) -> None:
    how = f"expect = {expect}" if expect else 'unmeasured = "no probe"'
    claims = f'[[claims]]\nid = "C1"\nsays = "fast"\n{how}\n'
    plan = parse_plan(BASE.replace("blocks = 2", "blocks = 4") + '[[targets]]\nexpect = "p50 falls by 10 %"\n' + claims)
    trials = list(synthetic_trials(plan))
    verdict = verdict_of(plan, trials)
    assert verdict.claims[0].outcome is holding
    assert verdict.outcome is Outcome.PASS  # whatever the claims come to
    trials[0] = silent(trials[0])
    undecided = ClaimOutcome.NOT_DECIDED if expect else ClaimOutcome.NOT_MEASURED
    assert verdict_of(plan, trials).claims[0].outcome is undecided


def test_every_metric_of_the_registry_has_a_value_in_every_cell() -> None:
    plan = plan_with()
    summary: Summary = summarise(list(synthetic_trials(plan)))
    row = summary.row("after", None, "sustain", "GET /content/{id}")
    assert row is not None
    measured = (metric for metric in METRICS.values() if metric.origin is Origin.REQUESTS)
    assert [metric.name for metric in measured if row.value(metric.name) is None] == []


def errors_where(trial: Trial, failed: list[bool]) -> Trial:
    column = trial.samples.schema.get_field_index("error")
    field = trial.samples.schema.field(column)
    errors = pa.array(["HTTP 500" if f else None for f in failed]).cast(field.type)
    return replace(trial, samples=trial.samples.set_column(column, field, errors))


def test_the_worst_block_is_the_least_favourable_whichever_way_is_better() -> None:
    comparison = compare(measured())
    rps, hits = (
        comparison.pair("rps", "sustain", "POST /interactions"),
        comparison.pair("cache_hit_rate", "sustain", None),
    )
    assert rps is not None
    assert rps.change is not None
    assert rps.change.worst == pytest.approx(min(b.after / b.before for b in rps.blocks))
    assert hits is not None
    assert hits.change is not None
    assert hits.change.worst == min(b.after - b.before for b in hits.blocks)


def test_an_endpoint_that_one_leg_did_not_request_has_no_change_and_no_interval() -> None:
    trials = list(synthetic_trials(plan_with()))
    kept = [name != "POST /interactions" for name in trials[1].samples["endpoint"].to_pylist()]
    trials[1] = replace(trials[1], samples=trials[1].samples.filter(pa.array(kept)))
    pair = compare(summarise(trials)).pair("p50", "sustain", "POST /interactions")
    assert pair is not None
    assert (len(pair.blocks), pair.least_requests) == (3, 0)
    assert (pair.change, pair.before_interval, pair.after_interval) == (None, None, None)


def test_the_samples_of_a_leg_are_those_of_its_metric() -> None:
    summary = measured(error_rate=0.1)
    legs = [row for row in summary.rows if row.block and (row.stage, row.endpoint) == ("sustain", None)]
    assert len(legs) == 8
    comparison = compare(summary)
    for metric, expected in (
        ("p50", min(row.requests - row.failures for row in legs)),
        ("cache_hit_rate", min(row.lookups for row in legs)),
        ("error_rate", min(row.requests for row in legs)),
    ):
        pair = comparison.pair(metric, "sustain", None)
        assert pair is not None
        assert pair.least_requests == expected


def test_each_arm_has_its_own_interval() -> None:
    comparison = compare(measured())
    pair = comparison.pair("p50", "sustain", "GET /content/{id}")
    assert pair is not None
    assert pair.before_interval is not None
    assert pair.after_interval is not None
    logs = t_interval([math.log(block.before) for block in pair.blocks])
    assert logs is not None
    assert (pair.before_interval.low, pair.before_interval.high) == pytest.approx(
        (math.exp(logs.low), math.exp(logs.high))
    )
    assert pair.after_interval.high < pair.before_interval.low


def test_clustered_failures_widen_the_interval_of_their_share() -> None:
    trials = [
        errors_where(t, [t.leg.arm == "after" and 200 <= i < 300 for i in range(len(t.samples))])
        for t in synthetic_trials(plan_with())
    ]
    summary = summarise(trials)
    row, pair = summary.row("after", None, None, None), compare(summary).pair("error_rate", None, None)
    assert row is not None
    assert row.design_effect > 2
    assert pair is not None
    counts = row.failures / row.design_effect, row.requests / row.design_effect
    share = wilson(*counts)
    assert share is not None
    assert pair.after_interval == replace(share, low=clopper_pearson_low(*counts))
    assert pair.change is not None
    assert pair.change.value == pytest.approx(row.failures / row.requests)  # more, not fewer, than before


ONE_SLOW_LEG = (BlockPair(1, 10.0, 5.0), BlockPair(2, 10.0, 7.0), BlockPair(3, 10.0, 5.0))


@pytest.mark.parametrize(
    ("legs", "enough", "change"),
    [
        (((0, 5), (0, 50)), False, None),  # -1.09 pp by the 0.5 that is added to counts
        (((0, 500), (0, 5000)), True, 0.0),
        (((450, 500), (900, 1000)), True, 0.0),
        (((400, 500), (450, 500)), True, 0.1),
    ],
)
def test_a_change_of_the_hit_rate_is_no_effect_of_the_number_of_lookups(
    legs: tuple[tuple[int, int], tuple[int, int]], *, enough: bool, change: float | None
) -> None:
    metric = METRICS["cache_hit_rate"]
    before, after = (
        Row(arm=arm, block=1, stage=None, endpoint=None, requests=n, failures=0, hits=hits, lookups=n)
        for arm, (hits, n) in zip(("before", "after"), legs, strict=True)
    )
    assert (min(row.samples(metric) for row in (before, after)) >= metric.min_samples) == enough
    blocks = tuple(BlockPair(k, before.hits / before.lookups, after.hits / after.lookups) for k in (1, 2, 3))
    found = paired_change(metric, [(k, before, after) for k in (1, 2, 3)], blocks, before, after)
    assert found is not None
    if change is not None:
        assert found.value == pytest.approx(change, abs=0.005)
        assert (found.value == 0.0) == (change == 0.0)


def pair_of(metric: str, **facts: Any) -> Pair:  # noqa: ANN401 - the fields of a pair
    blocks = tuple(BlockPair(number, 10.0, 5.0) for number in range(1, 7))
    known: dict[str, Any] = {
        "before": 10.0,
        "after": 5.0,
        "before_interval": Interval(10.0, 9.0, 11.0),
        "after_interval": Interval(5.0, 4.0, 6.0),
        "change": Change("ratio", 0.5, 0.4, 0.6, 0.03, 0.55),
        "blocks": blocks,
        "least_requests": 20_000,
    }
    return Pair(metric=METRICS[metric], stage=None, endpoint=None, **{**known, **facts})


def judged(expect: str, *pairs: Pair) -> Check:
    (check,) = check_targets((Target(expect=expect),), RuleInputs(Comparison(pairs, 6)))
    return check


@pytest.mark.parametrize(
    ("expect", "facts", "outcome", "reason"),
    [
        ("p95 <= 6 ms", {}, Outcome.PASS, Reason.MET),  # the interval ends at the limit
        ("p95 <= 4 ms", {}, Outcome.INCONCLUSIVE, Reason.STRADDLES),
        ("p95 <= 3.9 ms", {}, Outcome.FAIL, Reason.MISSED),
        ("rps >= 4", {}, Outcome.PASS, Reason.MET),
        ("rps >= 5", {}, Outcome.INCONCLUSIVE, Reason.STRADDLES),
        ("rps >= 6", {}, Outcome.INCONCLUSIVE, Reason.STRADDLES),
        ("rps >= 6.1", {}, Outcome.FAIL, Reason.MISSED),
        ("p95 <= 6 ms", {"before": None, "change": None}, Outcome.PASS, Reason.MET),  # a limit is of the after arm
        ("p95 falls by 10 %", {"before": None, "change": None}, Outcome.INCONCLUSIVE, Reason.NO_DATA),
        ("p95 <= 6 ms", {"after": None}, Outcome.INCONCLUSIVE, Reason.NO_DATA),
        ("p95 <= 6 ms", {"after_interval": None}, Outcome.INCONCLUSIVE, Reason.NO_INTERVAL),
        ("p95 <= 6 ms", {"least_requests": 59}, Outcome.PASS, Reason.MET),  # just enough
        ("p95 <= 6 ms", {"least_requests": 58}, Outcome.INCONCLUSIVE, Reason.TOO_FEW),
        ("p95 <= 6 ms", {"after": 6.1}, Outcome.INCONCLUSIVE, Reason.LEGS_DIFFER),  # no PASS beside a value beyond it
        ("p95 <= 3.9 ms", {"after": 3.8}, Outcome.INCONCLUSIVE, Reason.LEGS_DIFFER),
        ("max <= 5 ms", {}, Outcome.PASS, Reason.WITHIN),  # although the interval of the mean reaches 6 ms
        ("max <= 4 ms", {}, Outcome.FAIL, Reason.OUTSIDE),
        ("max <= 6 ms", {"blocks": ONE_SLOW_LEG, "after": 7.0}, Outcome.INCONCLUSIVE, Reason.ONE_OUTSIDE),
        ("max <= 6 ms", {"after_interval": None}, Outcome.INCONCLUSIVE, Reason.NO_INTERVAL),  # one block
        ("queries_per_miss falls by 10 %", {"change": None}, Outcome.INCONCLUSIVE, Reason.NO_RATIO),
        ("queries_per_request >= 5", {}, Outcome.PASS, Reason.WITHIN),
        ("queries_per_request >= 6", {}, Outcome.FAIL, Reason.OUTSIDE),
        ("queries_per_request <= 4", {"blocks": ()}, Outcome.INCONCLUSIVE, Reason.NO_DATA),
        ("hit_p50 <= 6 ms", {"least_requests": 4}, Outcome.INCONCLUSIVE, Reason.TOO_FEW),
        ("ready_seconds <= 6 s", {}, Outcome.PASS, Reason.MET),
        ("ready_seconds <= 5.5 s", {}, Outcome.INCONCLUSIVE, Reason.STRADDLES),  # although every start took 5 s
        ("indexes_created >= 5", {"blocks": ()}, Outcome.PASS, Reason.SINGLE_WITHIN),
        ("indexes_created >= 6", {"blocks": ()}, Outcome.FAIL, Reason.SINGLE_OUTSIDE),
        ("migration_seconds <= 5 s", {"before": None, "blocks": ()}, Outcome.PASS, Reason.SINGLE_WITHIN),
        ("migration_seconds <= 4 s", {"blocks": ()}, Outcome.FAIL, Reason.SINGLE_OUTSIDE),
        ("migration_seconds <= 4 s", {"after": None, "blocks": ()}, Outcome.INCONCLUSIVE, Reason.NO_DATA),
    ],
)
def test_a_check_at_its_borders(expect: str, facts: dict[str, Any], outcome: Outcome, reason: Reason) -> None:
    check = judged(expect, pair_of(expect.split(maxsplit=1)[0], **facts))
    assert (check.outcome, check.reason) == (outcome, reason)


@pytest.mark.parametrize(
    ("expect", "rps", "coupled"),
    [
        ("p95 falls by 10 %", 1.2, True),
        ("p95 falls by 10 %", 0.8, True),
        ("p95 falls by 10 %", 1.05, False),
        ("p95 < 6 ms", 1.2, False),  # a limit compares nothing
        ("queries_per_miss falls by 10 %", 1.2, False),  # no latency
    ],
)
def test_latency_and_throughput_are_one_finding(expect: str, rps: float, *, coupled: bool) -> None:
    other = pair_of("rps", change=Change("ratio", rps, rps, rps, None, None))
    assert judged(expect, pair_of(expect.split(maxsplit=1)[0]), other).caveats == ((COUPLED,) if coupled else ())


@pytest.mark.parametrize(
    ("latency", "errors", "share", "void"),
    [
        ({"stage": "sustain"}, {"stage": "sustain"}, 0.5, True),
        ({"stage": "sustain"}, {"stage": "peak"}, 0.5, False),
        ({"stage": "sustain"}, {}, 0.5, True),
        ({}, {"stage": "peak"}, 0.5, True),
        ({"endpoint": "GET /a"}, {"endpoint": "GET /b"}, 0.5, False),
        ({"endpoint": "GET /a"}, {}, 0.5, True),
        ({}, {}, 0.01, False),  # undecided is not failed
    ],
)
def test_which_latencies_a_failed_error_target_voids(
    latency: dict[str, str], errors: dict[str, str], share: float, *, void: bool
) -> None:
    said = ({"expect": "p95 falls by 10 %", **latency}, {"expect": "error_rate < 1 %", **errors})
    targets = tuple(map(Target.model_validate, said))
    few = replace(pair_of("p95", least_requests=1000), stage=targets[0].stage, endpoint=targets[0].endpoint)
    failed = pair_of("error_rate", after_interval=Interval(share, share / 2, share * 1.5))
    pairs = (few, replace(failed, stage=targets[1].stage, endpoint=targets[1].endpoint))
    check = check_targets(targets, RuleInputs(Comparison(pairs, 6)))[0]
    assert (check.outcome, check.reason) == (
        (Outcome.INCONCLUSIVE, Reason.VOID) if void else (Outcome.PASS, Reason.MET)
    )
    assert check.caveats == (DESCRIPTIVE,)  # kept either way


def test_the_allowed_delay_depends_on_the_median() -> None:
    """The limit is 5 ms, or 5 % of the median if larger."""
    plan = plan_with('expect = "p95 rises by at most 5 %"')
    for lag, doubted in ((10.0, False), (60.0, True)):
        trials = [
            replace(t, generation=replace(t.generation, lag_p99_ms=lag if t.leg.arm == "after" else 4.9))
            for t in synthetic_trials(plan, change=8.0)  # a median of some 300 ms
        ]
        assert (GENERATOR_LATE in verdict_of(plan, trials).caveats) is doubted


def test_an_allowance_above_the_whole_value_allows_everything() -> None:
    pair = pair_of("rps", before=300.0)
    assert passing_ratios(Target(expect="rps falls by at most 5 % and 400 req/s"), pair) == (0.0, math.inf)


def of_arm(summary: Summary, metric: str, block: int | None, arm: str = "after") -> float:
    row = summary.row(arm, block, "sustain", None)
    assert row is not None
    value = row.value(metric) if block is None else row.estimate(metric)
    assert value is not None
    return value


@pytest.fixture(scope="module")
def two_runs() -> tuple[Summary, Summary]:
    """Two runs of four and five blocks, the new one twice as fast and with errors."""
    old = summarise(list(synthetic_trials(plan_with(blocks=4), change=0.5)))
    new = summarise(list(synthetic_trials(plan_with(blocks=5), change=0.25, error_rate=0.05)))
    return old, new


@pytest.mark.parametrize("arm", ["before", "after"])
def test_two_runs_are_contrasted_by_one_arm_as_unpaired_blocks(two_runs: tuple[Summary, Summary], arm: str) -> None:
    old, new = two_runs
    pair = contrast(old, new, arm).pair("p50", "sustain", None)
    assert pair is not None
    assert pair.change is not None
    assert (pair.before, pair.after) == (of_arm(old, "p50", None, arm), of_arm(new, "p50", None, arm))
    logs = [[math.log(of_arm(run, "p50", b + 1, arm)) for b in range(n)] for run, n in ((old, 4), (new, 5))]
    theirs = welch(*logs)
    assert theirs is not None
    assert pair.change.scale == "ratio"
    assert pair.change.value == pytest.approx(math.exp(theirs.value))
    assert (pair.change.low, pair.change.high) == pytest.approx((math.exp(theirs.low), math.exp(theirs.high)))
    assert (pair.change.p, pair.change.worst, pair.blocks) == (None, None, ())


def test_a_contrast_counts_the_failures_and_the_smaller_run(two_runs: tuple[Summary, Summary]) -> None:
    old, new = two_runs
    there, back = contrast(old, new, "after"), contrast(new, old, "after")
    assert (there.blocks, back.blocks) == (4, 4)
    errors, mirrored = there.pair("error_rate", "sustain", None), back.pair("error_rate", "sustain", None)
    assert errors is not None
    assert errors.change is not None
    assert errors.change.scale == "points"
    assert errors.change.value == pytest.approx(0.05, abs=0.02)
    assert mirrored is not None
    assert mirrored.change is not None
    assert mirrored.change.value == -errors.change.value
    legs = [
        row for run in two_runs for row in run.rows if (row.arm, row.stage, row.endpoint) == ("after", "sustain", None)
    ]
    assert errors.least_requests == min(row.requests for row in legs if row.block is not None)
    latency = there.pair("p50", "sustain", None)
    assert latency is not None
    assert latency.least_requests == min(row.requests - row.failures for row in legs if row.block is not None)


def held(before: list[int], after: list[int], largest: int = 500) -> Comparison:
    """A comparison with these users held per leg."""
    legs = {"before": before, "after": after}
    summary = summarise(list(synthetic_trials(plan_with(blocks=len(before)))))

    def filled(row: Row) -> Row:
        if row.stage or row.endpoint:
            return row
        users = legs[row.arm][row.block - 1] if row.block else median_low(legs[row.arm])
        bounds = frozenset({"users_held"} if users == largest else ())
        return replace(row.adding({"users_held": users}), lower_bounds=bounds)

    return compare(replace(summary, rows=tuple(map(filled, summary.rows))))


@pytest.mark.parametrize(
    ("expect", "before", "after", "outcome", "reason"),
    [
        ("users_held >= 500", [50, 50, 50], [500, 500, 500], Outcome.PASS, Reason.WITHIN),
        ("users_held >= 200", [50, 50, 50], [500, 200, 500], Outcome.PASS, Reason.WITHIN),
        ("users_held >= 500", [50, 50, 50], [500, 200, 500], Outcome.INCONCLUSIVE, Reason.ONE_OUTSIDE),
        ("users_held >= 500", [50, 50, 50], [500, 200, 0], Outcome.FAIL, Reason.OUTSIDE),
        ("users_held >= 50", [0, 0, 0], [50, 50, 50], Outcome.PASS, Reason.WITHIN),
        # equal blocks leave a point: no digit of a logarithm may decide
        ("users_held rises by 900 %", [20, 20, 20], [200, 200, 200], Outcome.PASS, Reason.MET),
        ("users_held rises by 600 %", [3, 30, 7], [21, 210, 49], Outcome.PASS, Reason.MET),
        ("users_held rises by 901 %", [20, 20, 20], [200, 200, 200], Outcome.FAIL, Reason.MISSED),
        ("users_held rises by 900 %", [0, 50, 50], [200, 500, 500], Outcome.INCONCLUSIVE, Reason.NO_RATIO),
        ("users_held rises by 900 %", [50, 50, 50], [0, 0, 0], Outcome.INCONCLUSIVE, Reason.NO_RATIO),
        # a lower bound proves what it meets, and cannot miss
        ("users_held rises by 900 %", [50, 50, 50], [500, 500, 500], Outcome.PASS, Reason.MET),
        ("users_held rises by 901 %", [50, 50, 50], [500, 500, 500], Outcome.INCONCLUSIVE, Reason.UNBOUNDED),
        ("users_held falls by at most 5 %", [500, 500, 500], [500, 500, 500], Outcome.INCONCLUSIVE, Reason.UNBOUNDED),
        ("users_held falls by at most 5 %", [200, 200, 200], [200, 200, 200], Outcome.PASS, Reason.MET),
    ],
)
def test_users_held(expect: str, before: list[int], after: list[int], outcome: Outcome, reason: Reason) -> None:
    (check,) = check_targets((Target(expect=expect),), RuleInputs(held(before, after)))
    assert (check.outcome, check.reason) == (outcome, reason)
    bound = not expect.startswith("users_held >=") and 500 in {*before, *after}
    assert (LOWER_BOUND in check.caveats) is bound
    assert (IN_STEPS in check.caveats) is (not expect.startswith("users_held >="))


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ([0, 0], [0, 0], False),
        ([500, 500], [500, 500], False),
        ([50, 500], [500, 500], False),
        ([50, 50], [500, 5], True),
    ],
)
def test_from_zero_or_from_a_lower_bound_there_is_no_change(
    before: list[int], after: list[int], *, changes: bool
) -> None:
    pair = held(before, after).pair("users_held", None, None)
    assert pair is not None
    assert (pair.change is not None) is changes
    assert (pair.before, pair.after) == (median_low(before), median_low(after))
    assert (pair.before_at_least, pair.after_at_least) == (median_low(before) == 500, median_low(after) == 500)


def test_a_metric_with_one_value_per_leg_or_arm_is_compared_once() -> None:
    comparison = held([50, 50], [500, 500])
    whole = [(p.metric.name, p.stage, p.endpoint) for p in comparison.pairs if p.metric.per_leg]
    assert whole == [
        (name, None, None)
        for name in ("users_held", "rate_held", "ready_seconds", *AFTER_FAULTS, "indexes_created", "migration_seconds")
    ]


def test_only_the_time_of_a_migration_has_a_caveat() -> None:
    """The number of indexes does not vary."""
    expects = ("migration_seconds >= 5 s", "indexes_created >= 5")
    seconds, indexes = (judged(expect, pair_of(expect.split()[0], blocks=())) for expect in expects)
    assert (seconds.caveats, indexes.caveats) == ((MEASURED_ONCE,), ())


@pytest.mark.parametrize(("old", "change"), [([50, 50], True), ([0, 50], False), ([50, 500], False)])
def test_users_held_of_two_runs(old: list[int], *, change: bool) -> None:
    def run(users: list[int]) -> Summary:
        summary = measured(blocks=2)

        def filled(row: Row) -> Row:
            if row.stage or row.endpoint:
                return row
            held = users[(row.block or 1) - 1]
            bounds = frozenset({"users_held"} if held == 500 else ())
            return replace(row.adding({"users_held": held}), lower_bounds=bounds)

        return replace(summary, rows=tuple(map(filled, summary.rows)))

    pair = contrast(run(old), run([100, 100]), "after").pair("users_held", None, None)
    assert pair is not None
    assert (pair.change is not None) is change
    assert (pair.before, pair.after, pair.after_at_least) == (old[0], 100, False)


def test_the_samples_of_hits_and_misses_are_their_counts() -> None:
    summary = measured()
    legs = [row for row in summary.rows if row.block and (row.stage, row.endpoint) == ("sustain", None)]
    comparison = compare(summary)
    for metric, expected in (
        ("hit_p50", min(row.hits for row in legs)),
        ("miss_p50", min(row.lookups - row.hits for row in legs)),
        ("db_ms_per_miss", min(row.lookups - row.hits for row in legs)),
    ):
        pair = comparison.pair(metric, "sustain", None)
        assert pair is not None
        assert pair.least_requests == expected


def sequential_verdict(*targets: str, change: float = 0.25, blocks: int = 4) -> tuple[Verdict, Comparison]:
    plan = plan_with(*targets, blocks=blocks)
    summary = summarise(list(synthetic_trials(plan, change=change)))
    comparison = compare(summary, sequential=True)
    return judge(Measurement(plan, replace(synthetic_setup(plan), sequential=True), summary, comparison)), comparison


@pytest.mark.parametrize("change", [0.01, 0.25, 1.0, 4.0])
@pytest.mark.parametrize(
    "target",
    [
        "p50 falls by 60 %",
        "p95 falls by 90 %",
        "p95 rises by at most 5 %",
        "rps falls by at most 20 %",
        "queries_per_request falls by 50 %",
    ],
)
def test_no_change_decides_where_the_arms_were_not_interleaved(target: str, change: float) -> None:
    verdict, _ = sequential_verdict(f'expect = "{target}"', change=change)
    (check,) = verdict.checks
    assert (check.outcome, check.reason) == (Outcome.INCONCLUSIVE, Reason.SEQUENTIAL)
    assert "interleave the arms" in check.reason
    assert SEQUENTIAL in verdict.caveats


def test_limits_for_after_decide_where_the_arms_were_not_interleaved() -> None:
    targets = ("p95 < 100 s", "p95 < 0.01 ms", "cache_hit_rate > 80 %", "error_rate < 1 %", "queries_per_miss <= 0.9")
    verdict, _ = sequential_verdict(*(f'expect = "{target}"' for target in targets))
    in_turns = verdict_of(plan_with(*(f'expect = "{target}"' for target in targets)), [*synthetic_trials(plan_with())])
    assert [(c.outcome, c.reason) for c in verdict.checks] == [(c.outcome, c.reason) for c in in_turns.checks]
    assert verdict.outcome is Outcome.FAIL
    assert SEQUENTIAL not in in_turns.caveats


def test_too_few_samples_stay_the_reason_in_a_sequential_run() -> None:
    plan = plan_with('expect = "p99 falls by 1 %"')
    summary = summarise(list(synthetic_trials(plan, rps=5)))
    verdict = judge(Measurement(plan, synthetic_setup(plan), summary, compare(summary, sequential=True)))
    assert verdict.checks[0].reason is Reason.TOO_FEW


def test_a_claim_of_a_change_is_not_decided_in_a_sequential_run() -> None:
    claim = '[[claims]]\nid = "C"\nsays = "faster"\nexpect = ["p50 falls by 10 %"]\n'
    plan = parse_plan(BASE.replace("blocks = 2", "blocks = 4") + claim)
    summary = summarise(list(synthetic_trials(plan)))
    verdict = judge(Measurement(plan, synthetic_setup(plan), summary, compare(summary, sequential=True)))
    assert verdict.claims[0].outcome is ClaimOutcome.NOT_DECIDED


@pytest.mark.parametrize("metric", ["p50", "rps", "cache_hit_rate", "error_rate", "queries_per_request"])
def test_the_changes_of_a_sequential_run_are_those_of_two_runs(metric: str) -> None:
    plan = plan_with(blocks=4)
    trials = list(synthetic_trials(plan, error_rate=0.01))
    pair = compare(summarise(trials), sequential=True).pair(metric, "sustain", None)
    paired = compare(summarise(trials)).pair(metric, "sustain", None)
    one, other = (
        summarise([replace(t, leg=replace(t.leg, arm="after")) for t in trials if t.leg.arm == arm])
        for arm in ("before", "after")
    )
    runs = contrast(one, other, "after").pair(metric, "sustain", None)
    assert pair is not None
    assert paired is not None
    assert runs is not None
    assert pair.change == runs.change
    assert pair.change is not None
    assert (pair.change.p, pair.change.worst) == (None, None)
    assert (pair.after_interval, pair.blocks) == (paired.after_interval, paired.blocks)


def test_one_leg_of_each_arm_has_a_change_and_no_interval() -> None:
    verdict, comparison = sequential_verdict('expect = "p50 falls by 1 %"', blocks=1)
    pair = comparison.pair("p50", None, None)
    assert pair is not None
    assert pair.change is not None
    assert (pair.change.low, pair.change.high) == (None, None)
    assert verdict.checks[0].reason is Reason.SEQUENTIAL


def test_one_block_decides_no_error_rate() -> None:
    for error_rate in (0.0, 0.3):
        check = check_of('expect = "error_rate < 10 %"', error_rate=error_rate, blocks=1)
        assert check.reason is Reason.NO_INTERVAL


def test_a_missed_limit_of_errors_is_measured_again_and_a_limit_of_latency_is_not() -> None:
    errors = check_of('expect = "error_rate < 10 %"', error_rate=0.3)
    latency = check_of('expect = "p95 < 0.01 ms"')
    assert errors.outcome is latency.outcome is Outcome.FAIL
    assert failures_to_confirm([errors, latency]) == [errors]


def test_one_failure_does_not_fail_a_run() -> None:
    """1 of 152 requests against 0.1 %: by chance in 14 of 100 runs."""
    rows = [Row(arm="after", block=b, stage=None, endpoint=None, requests=76, failures=b) for b in (0, 1)]
    rows = [row.adding({"error_rate": row.failures / row.requests}) for row in rows]
    pooled = replace(rows[0], block=None, requests=152, failures=1)
    found = arm_interval(METRICS["error_rate"], rows, pooled)
    assert found is not None
    assert found.low < 0.001 < found.high
    share = wilson(1, 152)
    assert share is not None
    assert share.low > 0.001  # what would have failed it


def test_both_arms_have_the_larger_design_effect() -> None:
    """An arm without failures says nothing about how they cluster."""
    clean = Row(arm="before", block=None, stage=None, endpoint=None, requests=1000, failures=0)
    clustered = replace(clean, arm="after", failures=40, design_effect=9.0)
    assert [row and row.design_effect for row in with_one_design_effect([clean, clustered, None])] == [9.0, 9.0, None]
