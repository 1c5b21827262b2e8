"""Every number of a summary against an independent computation by DuckDB from the same samples."""

from dataclasses import replace
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from harness.analysis.summary import Summary, summarise
from harness.metrics import METRICS
from harness.plan.expectation import parse_expectation
from harness.plan.file import parse_plan
from harness.plan.model import Plan
from harness.record.trial import Migration, Trial
from tests.doubles import PLAN, synthetic_trials


@pytest.fixture(scope="module")
def plan() -> Plan:
    return parse_plan(PLAN)


@pytest.fixture(scope="module")
def trials(plan: Plan) -> list[Trial]:
    return list(synthetic_trials(plan, error_rate=0.03))


@pytest.fixture(scope="module")
def summary(trials: list[Trial]) -> Summary:
    return summarise(trials)


ORACLE = """
    WITH measured AS (
        SELECT *, (sent_ns - due_ns + duration_ns) / 1e6 AS ms FROM samples
        WHERE due_ns >= {start} * 1e9 AND due_ns < {end} * 1e9 AND ({endpoint} IS NULL OR endpoint = {endpoint})
    ), good AS (
        SELECT row_number() OVER (ORDER BY ms) AS rank, count(*) OVER () AS n, ms FROM measured WHERE error IS NULL
    )
    SELECT
        (SELECT count(*) FROM measured),
        (SELECT count(*) FROM measured WHERE error IS NOT NULL),
        (SELECT ms FROM good WHERE rank = (50 * n + 99) // 100),
        (SELECT ms FROM good WHERE rank = (90 * n + 99) // 100),
        (SELECT ms FROM good WHERE rank = (95 * n + 99) // 100),
        (SELECT ms FROM good WHERE rank = (99 * n + 99) // 100),
        (SELECT max(ms) FROM good),
        (SELECT count(*) FILTER (cache = 'hit') / count(*) FILTER (cache IN ('hit', 'miss'))
            FROM measured WHERE error IS NULL),
        (SELECT avg(queries) FROM measured),
        (SELECT avg(queries) FROM measured WHERE error IS NULL AND cache = 'miss'),
        (SELECT quantile_disc(ms, 0.5) FROM measured WHERE error IS NULL AND cache = 'hit'),
        (SELECT quantile_disc(ms, 0.5) FROM measured WHERE error IS NULL AND cache = 'miss'),
        (SELECT avg(db_ms) FROM measured WHERE error IS NULL AND cache = 'miss')
"""


def ask(samples: pa.Table, endpoint: str | None) -> tuple[Any, ...]:
    """The oracle's row for the sustain stage."""
    with duckdb.connect() as connection:
        connection.register("samples", samples)
        quoted = f"'{endpoint}'" if endpoint else "NULL"
        return connection.execute(ORACLE.format(start=4, end=32, endpoint=quoted)).fetchall()[0]


@pytest.mark.parametrize("endpoint", [None, "GET /content/{id}", "GET /recommendations/{user_id}"])
def test_a_leg_equals_an_independent_recomputation(trials: list[Trial], summary: Summary, endpoint: str | None) -> None:
    for trial in trials:
        oracle = ask(trial.samples, endpoint)
        row = summary.row(trial.leg.arm, trial.leg.block, "sustain", endpoint)
        assert row is not None
        ours = (
            row.requests,
            row.failures,
            row.value("p50"),
            row.value("p90"),
            row.value("p95"),
            row.value("p99"),
            row.value("max"),
        )
        assert ours == oracle[:7]  # exactly
        assert row.value("cache_hit_rate") == pytest.approx(oracle[7])
        assert row.value("queries_per_request") == pytest.approx(oracle[8])
        assert row.value("queries_per_miss") == pytest.approx(oracle[9])
        assert (row.value("hit_p50"), row.value("miss_p50")) == oracle[10:12]  # exactly
        assert row.value("db_ms_per_miss") == pytest.approx(oracle[12])
        assert row.value("rps") == (oracle[0] - oracle[1]) / 28
        assert row.value("error_rate") == oracle[1] / oracle[0]


def test_pooled_percentiles_come_from_all_samples_not_from_percentiles(trials: list[Trial], summary: Summary) -> None:
    first, second = (t.samples for t in trials if t.leg.arm == "after")
    oracle = ask(pa.concat_tables([first, second]), None)
    row = summary.row("after", None, "sustain", None)
    assert row is not None
    assert (row.requests, row.value("p95")) == (oracle[0], oracle[4])
    assert row.seconds == 56


def test_ramps_are_summarised_alone_and_left_out_of_what_is_pooled(summary: Summary) -> None:
    ramp, sustain, pooled = (summary.row("before", None, stage, None) for stage in ("ramp", "sustain", None))
    assert ramp is not None
    assert sustain is not None
    assert ramp.requests > 0
    assert pooled is not None
    assert pooled == replace(sustain.adding({"ready_seconds": pooled.values["ready_seconds"]}), stage=None)


def test_a_failure_is_counted_but_is_no_latency(plan: Plan) -> None:
    clean, broken = (summarise(list(synthetic_trials(plan, error_rate=e))) for e in (0.0, 1.0))
    row = broken.row("after", None, None, None)
    assert row is not None
    assert (row.value("error_rate"), row.value("p50"), row.value("max"), row.value("mean"), row.value("rps")) == (
        1.0,
        None,
        None,
        None,
        0.0,
    )
    healthy = clean.row("after", None, None, None)
    assert healthy is not None
    assert healthy.requests == row.requests


def test_a_cell_without_requests_has_no_row(summary: Summary) -> None:
    assert summary.row("after", None, "sustain", "GET /nowhere") is None
    assert summary.row("after", 99, None, None) is None
    assert summary.stages == ("ramp", "sustain")
    assert "POST /interactions" in summary.endpoints


def test_a_failed_answer_is_no_cache_hit(plan: Plan) -> None:
    row = summarise(list(synthetic_trials(plan, error_rate=1.0))).row("after", None, None, None)
    assert row is not None
    assert (row.hits, row.lookups, row.value("cache_hit_rate")) == (0, 0, None)


def test_curves_stop_where_the_samples_do(summary: Summary) -> None:
    for curve in summary.curves:
        row = summary.row(curve.arm, None, None, curve.endpoint)
        assert row is not None
        assert (1 - curve.quantiles[-1]) * (row.requests - row.failures) >= 1
        assert list(curve.latency_ms) == sorted(curve.latency_ms)


def test_nothing_recorded_is_an_empty_summary(plan: Plan, trials: list[Trial]) -> None:
    assert summarise([]).rows == ()
    silent = [replace(t, samples=t.samples.slice(0, 0), generation=replace(t.generation, requests=0)) for t in trials]
    empty = summarise(silent)
    assert empty.rows == ()
    assert [leg.requests for leg in empty.legs] == [0] * 2 * plan.load.blocks


def test_timelines_count_every_request_once(trials: list[Trial], summary: Summary) -> None:
    good = sum(t.samples["error"].null_count for t in trials if t.leg.arm == "before")
    assert sum(s.rps for s in summary.timelines["before"]) * 2 == pytest.approx(good)


def with_column(trial: Trial, name: str, values: list[Any]) -> Trial:
    column = trial.samples.schema.get_field_index(name)
    field = trial.samples.schema.field(column)
    return replace(trial, samples=trial.samples.set_column(column, field, pa.array(values).cast(field.type)))


def test_a_window_begins_with_its_first_instant_and_ends_before_its_last(trials: list[Trial]) -> None:
    """The ramp lasts from 0 to 2 s, the stage to 32 s, and 2 s of it are warm-up."""
    due = [0, 1_999_999_999, 3_999_999_999, 4_000_000_000, 31_999_999_999, 32_000_000_000]
    few = replace(trials[0], samples=trials[0].samples.slice(0, len(due)))
    summary = summarise([with_column(with_column(few, "due_ns", due), "sent_ns", due)])
    arm = trials[0].leg.arm
    counted = [summary.row(arm, None, stage, None) for stage in ("ramp", "sustain", None)]
    assert [row.requests if row else 0 for row in counted] == [2, 2, 2]


def test_means_are_of_what_was_measured(trials: list[Trial], summary: Summary) -> None:
    for trial in trials:
        samples = trial.samples
        due, ok = samples["due_ns"].to_numpy(), samples["error"].is_null().to_numpy()
        measured = (due >= 4e9) & (due < 32e9)
        row = summary.row(trial.leg.arm, trial.leg.block, "sustain", None)
        assert row is not None
        assert row.value("mean") == pytest.approx((samples["duration_ns"].to_numpy()[measured & ok] / 1e6).mean())
        assert row.value("db_ms_per_request") == pytest.approx(samples["db_ms"].to_numpy()[measured].mean())


def test_what_an_answer_did_not_say_is_not_zero(trials: list[Trial], summary: Summary) -> None:
    some, none = [], []
    for trial in trials:
        queries = trial.samples["queries"].to_pylist()
        every_other = [q if i % 2 else None for i, q in enumerate(queries)]
        some.append(with_column(trial, "queries", every_other))
        none.append(with_column(with_column(trial, "queries", [None] * len(queries)), "db_ms", [None] * len(queries)))
    full, half = (s.row("before", None, "sustain", None) for s in (summary, summarise(some)))
    assert full is not None
    assert half is not None
    assert half.value("queries_per_request") == pytest.approx(full.value("queries_per_request"), rel=0.1)
    silent = summarise(none).row("before", None, "sustain", None)
    assert silent is not None
    assert (
        silent.value("queries_per_request"),
        silent.value("queries_per_miss"),
        silent.value("db_ms_per_request"),
    ) == (None, None, None)


def test_a_curve_goes_through_the_percentiles_of_successes(summary: Summary) -> None:
    for curve in summary.curves:
        row = summary.row(curve.arm, None, None, curve.endpoint)
        assert row is not None
        at = dict(zip(curve.quantiles, curve.latency_ms, strict=True))
        assert (at[0.5], at[0.9], at[0.95]) == (row.value("p50"), row.value("p90"), row.value("p95"))


def test_a_second_of_the_timeline_is_that_second_of_every_leg(trials: list[Trial], summary: Summary) -> None:
    samples = pa.concat_tables([t.samples for t in trials if t.leg.arm == "after"]).unify_dictionaries()
    second, ok = samples["due_ns"].to_numpy() // 10**9, samples["error"].is_null().to_numpy()
    for point in summary.timelines["after"]:
        here = np.sort(samples["duration_ns"].to_numpy()[(second == point.second) & ok] / 1e6)
        assert point.failures == int(((second == point.second) & ~ok).sum())
        assert (point.p50_ms, point.p95_ms) == (
            here[-(-50 * len(here) // 100) - 1],
            here[-(-95 * len(here) // 100) - 1],
        )


def test_what_is_one_value_of_a_leg_or_arm_stands_where_all_is_together(trials: list[Trial]) -> None:
    made = [
        Migration("after", "1", 2.5, ("a", "b")),
        Migration("after", "2", 4.0, ("c",)),
        Migration("before", "0", 1.0),
    ]
    readied = [replace(t, ready_seconds=float(t.leg.block) if t.leg.arm == "after" else None) for t in trials]
    summary = summarise(readied, made)
    facts = {
        (row.arm, row.block): (row.value("ready_seconds"), row.value("indexes_created"), row.value("migration_seconds"))
        for row in summary.rows
        if row.stage is None and row.endpoint is None
    }
    assert facts == {
        ("after", None): (1.5, 3, 6.5),  # the mean start; the migrations of the arm together
        ("after", 1): (1.0, None, None),  # a migration belongs to no leg
        ("after", 2): (2.0, None, None),
        ("before", None): (None, 0, 1.0),
        ("before", 1): (None, None, None),
        ("before", 2): (None, None, None),
    }
    others = [row for row in summary.rows if row.stage or row.endpoint]
    assert {(row.value("ready_seconds"), row.value("indexes_created"), row.value("users_held")) for row in others} == {
        (None, None, None)
    }


STRESS = PLAN.replace("blocks = 2", "blocks = 4") + "".join(
    f'[[stages]]\nkind = "stress"\nname = "{users}"\nseconds = 5\nusers = {users}\n' for users in (10, 20, 40)
)


def slow_from(trial: Trial, users: int) -> Trial:
    """A leg that is slow in every stress stage of so many users or more."""
    due = trial.samples["due_ns"].to_numpy()
    first = next((w.start for w in trial.generation.windows if w.kind == "stress" and w.users >= users), np.inf)
    return with_column(trial, "duration_ns", list(np.where(due >= first * 1e9, 10**10, 10**6)))


def test_of_several_legs_the_median_is_held_and_of_an_even_number_the_lower_one() -> None:
    plan, limits = parse_plan(STRESS), [parse_expectation("p95 < 300 ms")]
    breaks = {"before": (10, 20, 20, 40), "after": (20, 40, 99, 99)}
    trials = [slow_from(t, breaks[t.leg.arm][t.leg.block - 1]) for t in synthetic_trials(plan)]
    summary = summarise(trials, limits=limits)
    assert len(summary.steps) == 8 * 3
    held = {
        arm: [
            (row.value("users_held"), row.at_least(METRICS["users_held"])) if row else None
            for row in (summary.row(arm, b, None, None) for b in blocks)
        ]
        for arm, blocks in (("before", (1, 2, 3, 4, None)), ("after", (1, 2, 3, 4, None)))
    }
    assert held == {
        "before": [(0, False), (10, False), (10, False), (20, False), (10, False)],
        "after": [(10, False), (20, False), (40, True), (40, True), (20, False)],
    }
    assert {row.value("users_held") for row in summarise(trials).rows} == {None}  # nobody asked


def test_a_stress_stage_without_requests_is_not_held() -> None:
    plan, limits = parse_plan(STRESS), [parse_expectation("error_rate < 1 %")]
    trials = list(synthetic_trials(plan))
    due = trials[0].samples["due_ns"].to_numpy()
    trials[0] = replace(trials[0], samples=trials[0].samples.filter(pa.array(due < 42e9)))
    row = summarise(trials, limits=limits).row(trials[0].leg.arm, 1, None, None)
    assert row is not None
    assert (row.value("users_held"), row.at_least(METRICS["users_held"])) == (20, False)


def test_failures_of_one_block_are_clustered_failures(plan: Plan) -> None:
    """Spread evenly within their block, and yet not independent: the other block has none."""
    spoiled = [
        with_column(
            t, "error", ["HTTP 500" if t.leg.block == 1 and i % 5 == 0 else None for i in range(len(t.samples))]
        )
        for t in synthetic_trials(plan)
    ]
    row = summarise(spoiled).row("after", None, None, None)
    assert row is not None
    assert row.design_effect > 2
