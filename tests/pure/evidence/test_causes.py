"""Causes of changed latencies: shares add up, and the unknown stays unexplained."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.change import Change
from harness.analysis.comparison import Comparison, Pair
from harness.analysis.request_cost import largest_difference, request_costs
from harness.analysis.summary import summarise
from harness.errors import PlanError
from harness.evidence.causes import Cause, CauseKind, causes_of
from harness.evidence.n_plus_one import repeated_statements
from harness.metrics import METRICS
from harness.plan.file import parse_plan
from harness.record.request_work import CorpusRequest, RequestWork, StatementText, StatementWork
from harness.record.statements import Counts
from reports.formatting import MINUS
from reports.sections.causes import Segment, cause_rows
from reports.sections.request_cost import control_sentence, work_rows
from tests.doubles import PLAN, synthetic_trials

LIST = "GET /items"
TIMES = st.floats(0.01, 5000.0)


def pair(metric: str, before: float | None, after: float | None, *, seen: bool = True) -> Pair:
    change = None
    if before and after:
        ratio = after / before
        low, high = (ratio * 0.9, ratio * 1.1) if seen else (ratio * 0.1, ratio * 10)
        change = Change("ratio", ratio, low, high, 0.01, ratio)
    return Pair(METRICS[metric], None, LIST, before, after, None, None, change, (), 5000)


def comparison(*pairs: Pair) -> Comparison:
    return Comparison(pairs, 6)


def asked(arm: str, db_ms: float | None, calls: int = 1, hits: int = 0) -> RequestWork:
    """Twenty requests: some cache hits, the others with a list of ten and a statement for each."""
    work = (StatementWork(0, Counts(1, 10, 5, 1, 0, 0.5)), StatementWork(1, Counts(calls - 1, 30, 20, 0, 8, 1.5)))
    misses = [CorpusRequest(n, LIST, cache="miss", db_ms=db_ms, misses=1, work=work) for n in range(20 - hits)]
    found = [CorpusRequest(n, LIST, cache="hit", db_ms=0.0, hits=1) for n in range(20 - hits, 20)]
    return RequestWork(arm, (StatementText("a", "SELECT a"), StatementText("b", "SELECT b")), (*misses, *found))


def causes(
    compared: Comparison, seen: dict[str, RequestWork], indexes: dict[str, list[str]] | None = None
) -> tuple[Cause, ...]:
    costs = {arm: request_costs(one) for arm, one in seen.items()}
    repeated = {arm: repeated_statements(one) for arm, one in seen.items()}
    return tuple(causes_of(compared, costs, repeated, indexes or {}))


def cause(*, database: tuple[float, float], misses: tuple[float, float], alone: tuple[float, float, float]) -> Cause:
    before, migrated, after = alone
    seen = {
        "before": asked("before", before, calls=11),
        "migrated": asked("migrated", migrated, calls=11),
        "after": asked("after", after, hits=10),
    }
    pairs = [
        pair("p95", 900, 90),
        pair("mean", 500, 50),
        pair("db_ms_per_request", *database),
        pair("db_ms_per_miss", *misses),
        replace(pair("cache_hit_rate", 0.25, 0.85), change=None),
    ]
    (found,) = causes(comparison(*pairs), seen, {LIST: ["items_by_age"]})
    return found


@given(st.tuples(TIMES, TIMES), st.tuples(TIMES, TIMES), st.tuples(TIMES, TIMES, TIMES))
def test_shares_add_up_to_the_whole(
    database: tuple[float, float], misses: tuple[float, float], alone: tuple[float, float, float]
) -> None:
    found = cause(database=database, misses=misses, alone=alone)
    if abs(math.log(database[0] / database[1])) < 0.1:
        assert found.shares == ()
    else:
        assert math.fsum(share.share for share in found.shares) == pytest.approx(1)
        assert math.prod(map(found.factor, found.shares)) == pytest.approx(database[1] / database[0])


def test_each_kind_gets_its_share() -> None:
    """Database time falls to 1/1000: 1/10 by the cache, 1/10 by indexes, 1/10 by statements."""
    found = cause(database=(100.0, 0.1), misses=(100.0, 1.0), alone=(50.0, 5.0, 0.5))
    assert {share.kind: round(share.share, 9) for share in found.shares} == {
        CauseKind.CACHE: round(1 / 3, 9),
        CauseKind.INDEXES: round(1 / 3, 9),
        CauseKind.STATEMENTS: round(1 / 3, 9),
        CauseKind.CONTENTION: 0.0,
    }
    assert found.database_share == pytest.approx(99.9 / 450)
    assert found.statements == (11, 1)
    (row,) = cause_rows([found])
    assert row.line == (
        "GET /items: P95 900 ms → 90.0 ms. Database time 100 ms → 0.100 ms per request: cache 33 % (hit rate 25 → 85 "
        "%), indexes 33 % (items_by_age), statements 33 % (N+1 gone: 11 → 1 per request). 22 % of the time saved is "
        "database time, 78 % outside the database."
    )


def test_a_label_that_does_not_fit_its_bar_is_left_out() -> None:
    narrow, wide = (Segment("statements", "statements", share, width) for share, width in (("12 %", 12), ("17 %", 17)))
    assert (narrow.text, wide.text) == ("", "statements 17 %")
    assert Segment("triggers_too", "indexes and triggers", "20 %", 20).text == ""


def test_shares_that_nearly_cancel_are_shown_as_factors() -> None:
    found = cause(database=(2.0, 1.6), misses=(2.0, 1.6), alone=(1.0, 1.5, 2.0))
    assert found.shares_cancel
    (row,) = cause_rows([found])
    assert row.bar == ()
    assert row.sentence == (
        "Database time 2.00 ms → 1.60 ms per request, by opposing causes: statements +33.3 % (N+1 gone: 11 → 1 per "
        f"request), indexes +50.0 % (items_by_age), less contention and other load effects {MINUS}60.0 %."
    )


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (1.0, 2.0, "more contention and other load effects 100 %"),
        (2.0, 1.0, "less contention and other load effects 100 %"),
    ],
)
def test_contention_is_more_where_it_costs_time(before: float, after: float, said: str) -> None:
    found = cause(database=(before, after), misses=(before, after), alone=(1.0, 1.0, 1.0))
    (row,) = cause_rows([found])
    assert f"per request: {said}." in row.sentence
    assert [(part.label, part.share) for part in row.bar] == [(said.removesuffix(" 100 %"), "100 %")]


def test_without_the_old_release_on_the_new_schema_indexes_and_statements_are_one_share() -> None:
    seen = {"before": asked("before", 50.0), "after": asked("after", 0.5)}
    (found,) = causes(comparison(pair("p95", 900, 90), pair("db_ms_per_request", 100, 1)), seen)
    assert [share.kind for share in found.shares] == [CauseKind.INDEXES_AND_STATEMENTS, CauseKind.CONTENTION]
    assert found.database_share is None  # without a mean there is nothing to explain


@pytest.mark.parametrize(
    ("wal", "seen", "named"),
    [
        (500, True, [CauseKind.INDEXES_AND_TRIGGERS, CauseKind.STATEMENTS, CauseKind.CONTENTION]),
        (
            500,
            False,
            [CauseKind.INDEXES, CauseKind.STATEMENTS, CauseKind.CONTENTION],
        ),  # the triggers take as long as before
        (8, True, [CauseKind.INDEXES, CauseKind.STATEMENTS, CauseKind.CONTENTION]),  # a reader fires none
    ],
)
def test_cheaper_triggers_are_no_indexes(wal: float, seen: bool, named: list[CauseKind]) -> None:
    def writing(arm: str, db_ms: float) -> RequestWork:
        inspected = asked(arm, db_ms)
        work = (StatementWork(0, Counts(1, 1, 5, 1, wal, 0.5)),)
        return replace(inspected, requests=tuple(replace(one, work=work) for one in inspected.requests))

    arms = {arm: writing(arm, db_ms) for arm, db_ms in (("before", 50.0), ("migrated", 5.0), ("after", 0.5))}
    triggers = replace(pair("trigger_ms_per_request", 10, 0.1 if seen else 9, seen=seen), endpoint=None)
    pairs = [pair("p95", 900, 90), pair("db_ms_per_request", 100, 1), triggers]
    (found,) = causes(comparison(*pairs), arms, {LIST: ["items_by_age"]})
    assert [share.kind for share in found.shares] == named
    (row,) = cause_rows([found])
    assert f"{named[0].value} 50 % (items_by_age)" in row.sentence
    (both, *_) = causes(comparison(*pairs), {arm: arms[arm] for arm in ("before", "after")})[0].shares
    assert both.kind is (
        CauseKind.INDEXES_TRIGGERS_AND_STATEMENTS
        if named[0] is CauseKind.INDEXES_AND_TRIGGERS
        else CauseKind.INDEXES_AND_STATEMENTS
    )


def test_a_service_that_reports_no_database_time_has_no_known_cause() -> None:
    (found,) = causes(comparison(pair("p95", 900, 90), pair("mean", 500, 50)), {"before": asked("before", None)})
    assert (found.shares, found.database_share) == ((), None)
    assert "does not report its database time" in cause_rows([found])[0].sentence


def test_an_unchanged_endpoint_has_no_cause() -> None:
    seen = {"before": asked("before", 50.0)}
    assert causes(comparison(pair("p95", 900, 890, seen=False)), seen) == ()
    assert causes(comparison(pair("p95", 900, 90)), {}) == ()
    assert causes(comparison(pair("p95", 900, None)), seen) == ()


def test_a_request_cost_separates_cache_hits_and_misses() -> None:
    cost = request_costs(asked("after", 2.0, calls=3, hits=5))[LIST]
    assert (cost.requests, cost.hits, cost.keys_hit, cost.keys_missed) == (20, 5, 5, 15)
    assert cost.hit == Counts()
    assert cost.other is not None
    assert (cost.other.calls, cost.other.blocks, cost.each.calls) == (3, 26, 2.25)
    assert cost.at(0.5).calls == 1.5
    assert [part.fingerprint for part in cost.parts] == ["b", "a"]


def test_an_endpoint_of_one_arm_alone_has_a_row_too() -> None:
    (row,) = work_rows({"before": request_costs(asked("before", 1.0))}, {})
    assert [cell.text for cell in row.after] == ["—"] * 6
    assert row.change == ("",) * 6


def test_the_difference_of_control_and_before_is_reported() -> None:
    one, other = request_costs(asked("before", 1.0, calls=100)), request_costs(asked("control", 9.0, calls=101))
    found = largest_difference(one, other)
    assert found is not None
    assert (found.what, round(found.share, 6)) == ("statements", round(1 / 101, 6))
    assert (
        control_sentence(found) == "A/A noise: before and control differ by at most 0.990 % (statements of GET /items)."
    )
    assert largest_difference(one, {}) is None
    assert control_sentence(None) == ""


def test_an_endpoint_costs_what_its_corpus_cost_at_the_hit_rate_of_the_load() -> None:
    plan = parse_plan(PLAN)
    endpoint = "GET /recommendations/{user_id}"
    inspected = asked("after", 2.0, calls=3, hits=5)
    renamed = replace(inspected, requests=tuple(replace(one, endpoint=endpoint) for one in inspected.requests))
    costs = {"after": request_costs(renamed)}
    summary = summarise(list(synthetic_trials(plan)), costs=costs)
    row, before = (summary.row(arm, None, "sustain", endpoint) for arm in ("after", "before"))
    assert row is not None
    missed = 1 - row.values["cache_hit_rate"]
    assert row.value("db_statements_per_request") == pytest.approx(3 * missed)
    assert row.value("db_blocks_per_request") == pytest.approx(26 * missed)
    assert before is not None
    assert before.value("db_statements_per_request") is None


def test_a_target_of_what_an_endpoint_costs_needs_a_corpus() -> None:
    target = '\n[[targets]]\nexpect = "db_blocks_per_request < 50"\nendpoint = "GET /content/{id}"\n'
    plan = PLAN.replace('kind = "local"', 'kind = "local"\nprovides = ["postgres"]')
    with pytest.raises(PlanError, match=r"add \[answers\], or leave endpoint out"):
        parse_plan(plan + target)
    parse_plan(plan + target + "[answers]\nrequests = 10\n")
