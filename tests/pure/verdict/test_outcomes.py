"""Outcomes of rows: no significant change is not equivalence."""

import math
from dataclasses import replace
from statistics import fmean
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.analysis.change import BlockPair, Change, _ratio
from harness.analysis.comparison import Comparison, Pair, compare, contrast, shift_of
from harness.analysis.noise import Floor
from harness.analysis.summary import summarise
from harness.errors import PlanError
from harness.metrics import METRICS
from harness.plan.file import parse_plan
from harness.plan.judgement import Judgement
from harness.plan.targets import Target
from harness.record.noise import ComparisonPlace
from harness.verdict.outcomes import JudgedRow, RowOutcome, RowReason, outcomes_of
from tests.doubles import PLAN, synthetic_trials

IMPROVED, REGRESSED, EQUIVALENT, CANNOT_TELL = RowOutcome


def pair_of(*changes: float, metric: str = "p95", **more: Any) -> Pair:  # noqa: ANN401 - fields by name
    """A row with these changes per block, in percent of before."""
    blocks = tuple(BlockPair(k, 100.0, 100.0 + change) for k, change in enumerate(changes, start=1))
    found = METRICS[metric]
    before, after = (fmean(getattr(b, arm) for b in blocks) for arm in ("before", "after"))
    made = Pair(found, "sustain", None, before, after, None, None, _ratio(found, blocks), blocks, 100_000)
    return replace(made, **more)


def rate_pair(change: Change, metric: str = "error_rate") -> Pair:
    return replace(pair_of(0.0, 0.0, 0.0, 0.0, metric=metric), before=0.0, after=0.0, change=change)


def finding_of(pair: Pair, *others: Pair, floor: float | None = None, effect: str = "5 %", **how: Any) -> JudgedRow:  # noqa: ANN401 - the same
    sequential = bool(how.pop("sequential", False))
    comparison = Comparison((pair, *others), len(pair.blocks), sequential=sequential)
    floors = None if floor is None else {pair.place: Floor(floor, floor / 2, 60)}
    found = outcomes_of(comparison, Judgement(effect=effect), floors=floors, **how)
    return found.of(pair)


@pytest.mark.parametrize(
    ("changes", "floor", "outcome", "why"),
    [
        ((-50, -51, -49, -50, -52, -48), None, IMPROVED, None),
        ((50, 51, 49, 50, 52, 48), None, REGRESSED, None),
        ((1, -1, 0.5, -0.5, 1, -1), None, EQUIVALENT, None),
        ((1.1, 1.2, 1.3, 1.1, 1.2, 1.3), None, EQUIVALENT, None),  # a sure rise that does not count
        ((0, 0, 0, 0, 0, 0), None, EQUIVALENT, None),
        ((12, -10, 8, -14, 11, -9), None, CANNOT_TELL, None),  # no difference is seen, and none is excluded
        ((6, 7, 6, 7, 6, 7), 0.1, CANNOT_TELL, RowReason.IN_NOISE),  # smaller than what this host does by itself
        (
            (1, -1, 0.5, -0.5, 1, -1),
            0.1,
            CANNOT_TELL,
            RowReason.IN_NOISE,
        ),  # no difference, where 10 % would be none either
        ((-98, -97, -98, -97, -98, -97), 90.0, CANNOT_TELL, RowReason.IN_NOISE),
        ((9, 16, 8, 15, 9, 16), 0.13, CANNOT_TELL, RowReason.IN_NOISE),
        ((9, 16, 8, 15, 9, 16), 0.05, REGRESSED, None),
        ((1, -1, 0.5, -0.5, 1, -1), 0.001, EQUIVALENT, None),  # a smaller floor does not make more count
        ((-50,), None, CANNOT_TELL, RowReason.ONE_BLOCK),
        ((-50, 50), None, CANNOT_TELL, RowReason.UNDETECTABLE),
    ],
)
def test_a_row(changes: tuple[float, ...], floor: float | None, outcome: RowOutcome, why: RowReason | None) -> None:
    finding = finding_of(pair_of(*changes), floor=floor)
    assert (finding.outcome, finding.reason) == (outcome, why)
    assert finding.minimum_effect == 0.05


def test_a_rise_of_what_should_rise_is_an_improvement() -> None:
    assert finding_of(pair_of(20, 21, 19, 20, 20, 21, metric="rps")).outcome is IMPROVED


@pytest.mark.parametrize(("effect", "outcome"), [("1 %", CANNOT_TELL), ("5 %", EQUIVALENT)])
def test_the_plan_sets_the_minimum_effect(effect: str, outcome: RowOutcome) -> None:
    assert finding_of(pair_of(1.5, -1.5, 1, -1, 2, -2), effect=effect).outcome is outcome


def test_a_metric_can_have_its_own_minimum_effect() -> None:
    judgement = Judgement(effect="5 %", effects={"p99": "10 %", "error_rate": "0.5 pt"})
    assert [judgement.smallest(METRICS[name]) for name in ("p95", "p99", "error_rate", "cache_hit_rate")] == [
        0.05, 0.1, 0.005, 0.01,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [
        (-0.0005, 0.0005, EQUIVALENT),
        (-0.002, 0.002, CANNOT_TELL),
        (0.01, 0.03, REGRESSED),
        (-0.03, -0.01, IMPROVED),
    ],
)
def test_shares_are_compared_in_points(low: float, high: float, outcome: RowOutcome) -> None:
    """An effect of 5 % does not suit an error rate: 4 % of errors instead of none is within five points."""
    finding = finding_of(rate_pair(Change("points", (low + high) / 2, low, high, None, None)))
    assert (finding.outcome, finding.minimum_effect) == (outcome, 0.001)


@pytest.mark.parametrize(
    ("pair", "why"),
    [
        (pair_of(-50, -51, -49, -50, least_requests=3), RowReason.TOO_FEW),
        (pair_of(-50, -51, -49, -50, after=None, change=None), RowReason.NO_DATA),
        (pair_of(-50, -51, -49, -50, change=None), RowReason.NO_RATIO),
        (pair_of(-50, -51, metric="indexes_created", change=None), RowReason.SINGLE),
        (pair_of(0, 0, 0, 0, metric="users_held"), RowReason.IN_STEPS),
        (pair_of(-50, -51, -49, -50, metric="recovery_seconds", after_at_least=True), RowReason.LOWER_BOUND),
        (pair_of(50, 51, 49, 50, metric="users_held", before_at_least=True, change=None), RowReason.LOWER_BOUND),
    ],
)
def test_an_inconclusive_row_has_a_reason(pair: Pair, why: RowReason) -> None:
    finding = finding_of(pair)
    assert (finding.outcome, finding.reason) == (CANNOT_TELL, why)


def test_a_fall_to_a_lower_bound_is_inconclusive_and_a_rise_to_one_is_a_rise() -> None:
    risen = pair_of(50, 51, 49, 50, metric="users_held", after_at_least=True)
    assert finding_of(risen).outcome is IMPROVED


def test_equal_values_in_every_block_are_equivalent() -> None:
    blocks = tuple(BlockPair(k, 0.0, 0.0) for k in (1, 2, 3, 4))
    pair = replace(pair_of(0, 0, 0, 0, metric="queries_per_request"), before=0.0, after=0.0, change=None, blocks=blocks)
    assert finding_of(pair).outcome is EQUIVALENT
    missing = replace(pair, blocks=blocks[:3])
    found = outcomes_of(Comparison((missing,), 4), Judgement()).of(missing)
    assert (found.outcome, found.reason) == (CANNOT_TELL, RowReason.NO_VALUE)


@pytest.mark.parametrize("changes", [(-50, -51, -49, -50), (1, -1, 1, -1)])
def test_latencies_are_inconclusive_where_more_requests_fail(changes: tuple[float, ...]) -> None:
    latency, throughput = pair_of(*changes), pair_of(*changes, metric="queries_per_request")
    failing = rate_pair(Change("points", 0.04, 0.03, 0.05, None, None))
    assert finding_of(latency, failing).reason is RowReason.ERRORS
    assert finding_of(throughput, failing).reason is None
    elsewhere = replace(failing, endpoint="GET /other")
    assert finding_of(latency, elsewhere).reason is None


def test_a_regression_stays_one_where_more_requests_fail() -> None:
    failing = rate_pair(Change("points", 0.04, 0.03, 0.05, None, None))
    assert finding_of(pair_of(50, 51, 49, 50), failing).outcome is REGRESSED


def test_latencies_are_inconclusive_where_arrivals_never_started() -> None:
    pair = pair_of(-50, -51, -49, -50)
    assert finding_of(pair, incomplete_stages={"sustain"}).reason is RowReason.ARRIVALS_MISSING
    assert finding_of(pair, incomplete_stages={"peak"}).outcome is IMPROVED
    assert finding_of(replace(pair, stage=None), incomplete_stages={"peak"}).reason is RowReason.ARRIVALS_MISSING


def test_every_row_is_inconclusive_where_a_guard_broke() -> None:
    finding = finding_of(pair_of(-50, -51, -49, -50), valid=False)
    assert (finding.outcome, finding.reason) == (CANNOT_TELL, RowReason.BROKEN)


@pytest.mark.parametrize(
    ("changes", "floor", "outcome", "why"),
    [
        ((-50, -51, -49, -50), None, CANNOT_TELL, RowReason.NO_FLOOR),
        ((-50, -51, -49, -50), 0.1, IMPROVED, None),
        ((-50, -51, -49, -50), 0.3, CANNOT_TELL, RowReason.UNPAIRED),
        ((28, 29, 29, 28), 0.1, CANNOT_TELL, RowReason.UNPAIRED),
        ((0, 0.1, 0, 0.1), 0.1, CANNOT_TELL, RowReason.UNPAIRED),  # no equivalence between legs that are no pairs
    ],
)
def test_sequential_legs(
    changes: tuple[float, ...], floor: float | None, outcome: RowOutcome, why: RowReason | None
) -> None:
    finding = finding_of(pair_of(*changes), floor=floor, sequential=True)
    assert (finding.outcome, finding.reason) == (outcome, why)


def test_two_recorded_runs_are_unpaired() -> None:
    summary = summarise(list(synthetic_trials(parse_plan(PLAN))))
    comparison = contrast(summary, summary, "after")
    found = outcomes_of(comparison, Judgement())
    assert {found.of(pair).outcome for pair in comparison.pairs} == {CANNOT_TELL}


def test_many_rows_have_no_false_positives() -> None:
    """Rows that exclude no change by chance do not remain after correction; a row that a target names does."""
    rng = np.random.default_rng(3)
    rows = [replace(pair_of(*rng.normal(0, 3, 8)), endpoint=f"GET /{i}") for i in range(200)]
    alone = [row for row in rows if row.change and row.change.low and row.change.high]
    by_chance = [row for row in alone if not (row.change.low <= 1 <= row.change.high)]  # type: ignore[union-attr,operator]
    assert len(by_chance) >= 3
    comparison = Comparison(tuple(rows), 8)
    explored = outcomes_of(comparison, Judgement(effect="0.01 %"))
    assert not [row for row in rows if explored.of(row).outcome is not CANNOT_TELL]
    target = Target(expect="p95 < 1 s", stage="sustain", endpoint=by_chance[0].endpoint)
    named = outcomes_of(comparison, Judgement(effect="0.01 %"), [target])
    assert named.of(by_chance[0]).outcome in {IMPROVED, REGRESSED}
    assert named.of(by_chance[0]).detectable < explored.of(by_chance[0]).detectable  # type: ignore[operator]


def test_the_more_rows_change_the_smaller_the_detectable_effect() -> None:
    quiet = pair_of(9, -9, 7, -7, 12, -12, 8, -8)
    same = [replace(quiet, endpoint=f"GET /{i}") for i in range(40)]
    moved = [replace(pair_of(50, 51, 49, 50, 51, 49, 50, 51), endpoint=f"GET /{i}") for i in range(40)]
    few, many = finding_of(quiet, *same), finding_of(quiet, *moved)
    assert few.outcome is many.outcome is CANNOT_TELL
    assert few.detectable > many.detectable  # type: ignore[operator]


def test_metrics_are_separate_families_of_the_correction() -> None:
    quiet = [replace(pair_of(9, 2, 7, -1, 8, -2, 6, 1), endpoint=f"GET /{i}") for i in range(3)]
    still = [replace(pair_of(9, -9, 7, -7, 12, -12, 8, -8), endpoint=f"GET /{i}") for i in range(3, 20)]
    moved = [replace(pair_of(50, 51, 49, 50, 51, 49, 50, 51, metric="rps"), endpoint=f"GET /{i}") for i in range(90)]
    assert quiet[0].change is not None
    assert quiet[0].change.low is not None
    assert quiet[0].change.low > 1  # a regression, had nobody looked at the others
    assert finding_of(quiet[0], *quiet[1:], *still, *moved).outcome is CANNOT_TELL


@given(st.lists(st.floats(-30, 30), min_size=3, max_size=12))
def test_the_p_value_is_that_of_student(changes: list[float]) -> None:
    pair = pair_of(*changes)
    shift = shift_of(pair, Comparison((pair,), len(changes)))
    logs = [math.log1p(change / 100) for change in changes]
    assert shift is not None
    if np.std(logs) > 1e-6:
        assert shift.p == pytest.approx(stats.ttest_1samp(logs, 0).pvalue, abs=1e-9)


@pytest.mark.parametrize("blocks", [6, 8, 10])
def test_the_detectable_effect_of_a_row_has_80_percent_power(blocks: int) -> None:
    """A change of exactly that size in 4,000 runs whose blocks vary by 5 %."""
    rng = np.random.default_rng(11)
    typical = rng.normal(0, 1, blocks)
    typical = 0.05 * (typical - typical.mean()) / typical.std(ddof=1)
    pair = pair_of(*(100 * np.expm1(typical)))
    finding = finding_of(pair)
    assert finding.detectable is not None
    runs = rng.normal(math.log1p(finding.detectable), 0.05, (4000, blocks))
    found = np.mean(stats.ttest_1samp(runs, 0, axis=1).pvalue <= 0.05)
    assert 0.77 < found < 0.85


def test_hits_are_compared_on_log_odds_and_shown_in_points() -> None:
    comparison = compare(summarise(list(synthetic_trials(parse_plan(PLAN.replace("blocks = 2", "blocks = 6"))))))
    (pair,) = (p for p in comparison.pairs if p.place == ComparisonPlace("cache_hit_rate", None, None))
    finding = outcomes_of(comparison, Judgement()).of(pair)
    assert finding.outcome is IMPROVED
    assert finding.detectable is not None
    assert 0 < finding.detectable < 0.2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('effect = "5"', 'judgement.effect: cannot read "5"; the smallest change that counts looks like "5 %"'),
        ('effect = "1 pt"', "judgement.effect: cannot read"),
        ('effect = "0 %"', 'judgement.effect: "0 %" is out of range: above 0, at most 50 %'),
        ('effect = "80 %"', "is out of range"),
        ('efect = "5 %"', 'judgement.efect: unknown key; did you mean "effect"?'),
        ('effects = { p95 = "1 pt" }', 'judgement.effects: p95: cannot read "1 pt"'),
        ('effects = { error_rate = "5 %" }', 'looks like "0.1 pt"'),
        ('effects = { p77 = "5 %" }', 'judgement.effects: nothing measures "p77"'),
    ],
)
def test_an_invalid_minimum_effect_is_refused(text: str, said: str) -> None:
    with pytest.raises(PlanError) as refused:
        parse_plan(f"{PLAN}\n[judgement]\n{text}\n")
    assert said in str(refused.value)


def test_the_minimum_effect_is_read_from_the_plan() -> None:
    plan = parse_plan(PLAN + '\n[judgement]\neffect = "2.5 %"\neffects = { p99 = "10 %" }\n')
    assert plan.judgement.smallest(METRICS["p95"]) == 0.025
    assert parse_plan(PLAN).judgement.smallest(METRICS["p95"]) == 0.05
