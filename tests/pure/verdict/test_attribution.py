"""Attribution: known effects of steps are recovered, and no share is invented."""

import math
from collections.abc import Callable, Iterable
from dataclasses import replace

import pyarrow as pa
import pytest

from harness.analysis.comparison import compare
from harness.analysis.steps import Attribution, Waterfall, attribute
from harness.analysis.summary import Summary, summarise
from harness.plan.file import parse_plan
from harness.plan.model import Plan
from harness.record.outcome import Outcome
from harness.record.trial import Trial
from harness.verdict.caveats import STEP_BROKEN
from harness.verdict.guards import GENERATOR_BUSY
from harness.verdict.judge import Measurement, judge
from tests.doubles import CHAIN_PLAN, PLAN, synthetic_setup, synthetic_trials

TEXT = CHAIN_PLAN.replace("blocks = 2", "blocks = 8")
SLOWNESS = {"before": 1.0, "queries": 0.4, "cache": 0.4, "after": 0.2}


@pytest.fixture(scope="module")
def plan() -> Plan:
    return parse_plan(TEXT)


@pytest.fixture(scope="module")
def trials(plan: Plan) -> list[Trial]:
    return list(synthetic_trials(plan, slowness=SLOWNESS))


@pytest.fixture(scope="module")
def summary(trials: list[Trial]) -> Summary:
    return summarise(trials)


def attributed(plan: Plan, measured: Summary | Iterable[Trial]) -> Attribution:
    found = attribute(plan, measured if isinstance(measured, Summary) else summarise(measured))
    assert found is not None
    return found


def with_queries(trial: Trial, change: Callable[[float | None], float | None]) -> Trial:
    column = trial.samples.schema.get_field_index("queries")
    field = trial.samples.schema.field(column)
    values = pa.array([change(value) for value in trial.samples["queries"].to_pylist()]).cast(field.type)
    return replace(trial, samples=trial.samples.set_column(column, field, values))


def of(attribution: Attribution, metric: str) -> Waterfall:
    return next(fall for fall in attribution.waterfalls if fall.total.metric.name == metric)


def test_known_effects_are_recovered(plan: Plan, summary: Summary) -> None:
    queries, cache, pool = of(attributed(plan, summary), "p95").contributions
    for part, ratio in ((queries, 0.4), (cache, 1.0), (pool, 0.5)):
        change = part.pair.change
        assert change is not None
        assert change.low is not None
        assert change.high is not None
        assert change.low < ratio < change.high
        assert change.value == pytest.approx(ratio, rel=0.1)
    assert [part.seen for part in (queries, cache, pool)] == [True, False, True]
    assert queries.share == pytest.approx(math.log(0.4) / math.log(0.2), abs=0.06)
    assert cache.share == pytest.approx(0, abs=0.06)
    assert queries.pair.change is not None
    assert queries.pair.change.p == pytest.approx(2 / 2**8)


def test_a_step_is_compared_with_the_arm_before_it(plan: Plan, summary: Summary) -> None:
    fall = of(attributed(plan, summary), "p95")
    assert fall.contributions[1].pair == compare(summary, "queries", "cache").pair("p95", None, None)
    assert fall.total == compare(summary).pair("p95", None, None)
    assert [level.arm for level in fall.levels] == list(plan.arms_in_order)
    for level in fall.levels:
        row = summary.row(level.arm, None, None, None)
        assert row is not None
        assert level.value == row.value("p95")
        assert level.interval is not None
        assert level.interval.low < (level.value or 0) < level.interval.high


def test_steps_are_compared_where_the_plan_says(summary: Summary) -> None:
    where = 'stage = "sustain"\nendpoint = "POST /interactions"\nmetrics = ["p50"]\n'
    plan = parse_plan(TEXT.replace("steps = [", f"{where}steps = ["))
    (fall,) = attributed(plan, summary).waterfalls
    row = summary.row("queries", None, "sustain", "POST /interactions")
    assert row is not None
    assert fall.levels[1].value == row.value("p50")


def test_a_metric_that_does_not_change_has_no_shares(plan: Plan, summary: Summary) -> None:
    fall = of(attributed(plan, summary), "rps")
    assert fall.total.change is not None
    assert [part.share for part in fall.contributions] == [None] * 3


def test_one_block_has_changes_but_no_shares(plan: Plan, trials: list[Trial]) -> None:
    fall = of(attributed(plan, [trial for trial in trials if trial.leg.block == 1]), "p95")
    assert [(part.share, part.seen) for part in fall.contributions] == [(None, False)] * 3
    assert fall.contributions[0].pair.change is not None


def test_queries_of_zero_have_levels_but_no_ratio(plan: Plan, trials: list[Trial]) -> None:
    cached = [with_queries(t, lambda _: 0) if t.leg.arm in {"cache", "after"} else t for t in trials]
    fall = of(attributed(plan, cached), "queries_per_request")
    assert [level.value for level in fall.levels][2:] == [0, 0]
    assert [part.pair.change is None for part in fall.contributions] == [False, True, True]
    assert [part.share for part in fall.contributions] == [None] * 3


def test_a_service_that_does_not_count_queries_has_no_levels(plan: Plan, trials: list[Trial]) -> None:
    fall = of(attributed(plan, [with_queries(t, lambda _: None) for t in trials]), "queries_per_request")
    assert [level.value for level in fall.levels] == [None] * 4
    assert fall.total.change is None


def test_a_percentile_of_too_few_samples_has_no_shares(plan: Plan, trials: list[Trial]) -> None:
    few = [replace(t, samples=t.samples.slice(0, 60)) if t.leg.arm == "cache" else t for t in trials]
    fall = of(attributed(plan, few), "p95")
    assert not fall.enough
    assert [level.least_requests >= 59 for level in fall.levels] == [True, True, False, True]
    assert [part.share for part in fall.contributions] == [None] * 3


def test_a_run_without_steps_has_no_attribution(plan: Plan, trials: list[Trial]) -> None:
    assert attribute(parse_plan(PLAN), summarise(list(synthetic_trials(parse_plan(PLAN))))) is None
    assert attribute(plan, summarise([trial for trial in trials if trial.leg.arm in {"before", "after"}])) is None
    assert attribute(plan, summarise([])) is None


@pytest.mark.parametrize(("arm", "outcome"), [("cache", Outcome.PASS), ("after", Outcome.INVALID)])
def test_a_broken_leg_of_a_step_is_a_caveat_and_does_not_change_the_verdict(
    plan: Plan, trials: list[Trial], arm: str, outcome: Outcome
) -> None:
    def busy(trial: Trial) -> Trial:
        return replace(trial, generation=replace(trial.generation, cpu_share=0.95))

    summary = summarise([busy(trial) if trial.leg.arm == arm else trial for trial in trials])
    verdict = judge(Measurement(plan, synthetic_setup(plan), summary, compare(summary)))
    assert verdict.outcome is outcome
    assert (STEP_BROKEN in verdict.caveats) == (arm == "cache")
    assert (GENERATOR_BUSY in verdict.breaches) == (arm == "after")


def test_a_step_without_requests_does_not_affect_before_and_after(plan: Plan, trials: list[Trial]) -> None:
    silent = [replace(t, samples=t.samples.slice(0, 0)) if t.leg.arm == "cache" else t for t in trials]
    assert compare(summarise(silent)) == compare(summarise([t for t in trials if t.leg.arm != "cache"]))
    fall = of(attributed(plan, silent), "p95")
    assert [level.value is None for level in fall.levels] == [False, False, True, False]


def test_an_endpoint_of_a_step_alone_is_not_compared(trials: list[Trial]) -> None:
    def only_there(trial: Trial) -> Trial:
        column = trial.samples.schema.get_field_index("endpoint")
        names = pa.array(["GET /strange"] * len(trial.samples)).cast(trial.samples.schema.field(column).type)
        return replace(trial, samples=trial.samples.set_column(column, trial.samples.schema.field(column), names))

    summary = summarise([only_there(trial) if trial.leg.arm == "cache" else trial for trial in trials])
    assert "GET /strange" not in {pair.endpoint for pair in compare(summary).pairs}
