"""Why an endpoint changed: shares add up, and nothing is explained that is not known."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.change import Change
from harness.analysis.comparison import Comparison, Pair
from harness.analysis.request_cost import apart, request_costs
from harness.analysis.summary import summarise
from harness.errors import PlanError
from harness.evidence.causes import Cause, Way, causes_of
from harness.metrics import METRICS
from harness.plan.file import parse_plan
from harness.record.request_work import CorpusRequest, RequestWork, StatementText, StatementWork
from harness.record.statements import Counts
from harness.testing import PLAN, synthetic_trials
from reports.formatting import MINUS
from reports.sections.causes import Segment, cause_rows
from reports.sections.request_cost import control_sentence, work_rows

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
    """Twenty requests, some of them answered by a cache, the others with a list of ten and a statement for each."""
    work = (StatementWork(0, Counts(1, 10, 5, 1, 0, 0.5)), StatementWork(1, Counts(calls - 1, 30, 20, 0, 8, 1.5)))
    misses = [CorpusRequest(n, LIST, cache="miss", db_ms=db_ms, misses=1, work=work) for n in range(20 - hits)]
    found = [CorpusRequest(n, LIST, cache="hit", db_ms=0.0, hits=1) for n in range(20 - hits, 20)]
    return RequestWork(arm, (StatementText("a", "SELECT a"), StatementText("b", "SELECT b")), (*misses, *found))


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
    (found,) = causes_of(comparison(*pairs), seen, {LIST: ["items_by_age"]})
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


def test_each_way_gets_what_it_did() -> None:
    """A thousandth of the time: a tenth by the cache, a tenth of that by the indexes, of that by the statements."""
    found = cause(database=(100.0, 0.1), misses=(100.0, 1.0), alone=(50.0, 5.0, 0.5))
    assert {share.way: round(share.share, 9) for share in found.shares} == {
        Way.CACHE: round(1 / 3, 9),
        Way.INDEXES: round(1 / 3, 9),
        Way.STATEMENTS: round(1 / 3, 9),
        Way.CROWDING: 0.0,
    }
    assert found.explained == pytest.approx(99.9 / 450)
    assert found.statements == (11, 1)
    (row,) = cause_rows([found])
    assert row.line == (
        "GET /items: P95 900 ms → 90.0 ms. Database time 100 ms → 0.100 ms per request: cache 33 % (hit rate 25 → 85 "
        "%), indexes 33 % (items_by_age), statements 33 % (N+1 gone: 11 → 1 per request). 22 % of the time saved is "
        "database time, 78 % outside the database."
    )


def test_a_part_of_a_bar_says_nothing_that_would_be_cut_off() -> None:
    narrow, wide = (Segment("statements", "statements", share, width) for share, width in (("12 %", 12), ("17 %", 17)))
    assert (narrow.text, wide.text) == ("", "statements 17 %")
    assert Segment("triggers_too", "indexes and triggers", "20 %", 20).text == ""


def test_ways_that_nearly_cancel_say_what_each_made_of_the_time() -> None:
    found = cause(database=(2.0, 1.6), misses=(2.0, 1.6), alone=(1.0, 1.5, 2.0))
    assert found.opposed
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
def test_crowding_is_more_where_it_costs_time(before: float, after: float, said: str) -> None:
    found = cause(database=(before, after), misses=(before, after), alone=(1.0, 1.0, 1.0))
    (row,) = cause_rows([found])
    assert f"per request: {said}." in row.sentence
    assert [(part.label, part.share) for part in row.bar] == [(said.removesuffix(" 100 %"), "100 %")]


def test_without_the_step_between_indexes_and_statements_are_not_told_apart() -> None:
    seen = {"before": asked("before", 50.0), "after": asked("after", 0.5)}
    (found,) = causes_of(comparison(pair("p95", 900, 90), pair("db_ms_per_request", 100, 1)), seen)
    assert [share.way for share in found.shares] == [Way.BOTH, Way.CROWDING]
    assert found.explained is None  # without a mean there is nothing to explain


@pytest.mark.parametrize(
    ("wal", "seen", "named"),
    [
        (500, True, [Way.TRIGGERS_TOO, Way.STATEMENTS, Way.CROWDING]),
        (500, False, [Way.INDEXES, Way.STATEMENTS, Way.CROWDING]),  # the triggers take as long as before
        (8, True, [Way.INDEXES, Way.STATEMENTS, Way.CROWDING]),  # a reader fires none
    ],
)
def test_cheaper_triggers_are_no_indexes(wal: float, seen: bool, named: list[Way]) -> None:
    def writing(arm: str, db_ms: float) -> RequestWork:
        inspected = asked(arm, db_ms)
        work = (StatementWork(0, Counts(1, 1, 5, 1, wal, 0.5)),)
        return replace(inspected, requests=tuple(replace(one, work=work) for one in inspected.requests))

    arms = {arm: writing(arm, db_ms) for arm, db_ms in (("before", 50.0), ("migrated", 5.0), ("after", 0.5))}
    triggers = replace(pair("trigger_ms_per_request", 10, 0.1 if seen else 9, seen=seen), endpoint=None)
    pairs = [pair("p95", 900, 90), pair("db_ms_per_request", 100, 1), triggers]
    (found,) = causes_of(comparison(*pairs), arms, {LIST: ["items_by_age"]})
    assert [share.way for share in found.shares] == named
    (row,) = cause_rows([found])
    assert f"{named[0].value} 50 % (items_by_age)" in row.sentence
    (both, *_) = causes_of(comparison(*pairs), {arm: arms[arm] for arm in ("before", "after")})[0].shares
    assert both.way is (Way.ALL if named[0] is Way.TRIGGERS_TOO else Way.BOTH)


def test_a_service_that_tells_no_database_time_has_no_known_cause() -> None:
    (found,) = causes_of(comparison(pair("p95", 900, 90), pair("mean", 500, 50)), {"before": asked("before", None)})
    assert (found.shares, found.explained) == ((), None)
    assert "does not report its database time" in cause_rows([found])[0].sentence


def test_what_did_not_change_needs_no_cause() -> None:
    seen = {"before": asked("before", 50.0)}
    assert causes_of(comparison(pair("p95", 900, 890, seen=False)), seen) == ()
    assert causes_of(comparison(pair("p95", 900, 90)), {}) == ()
    assert causes_of(comparison(pair("p95", 900, None)), seen) == ()


def test_a_toll_keeps_what_a_cache_answered_apart() -> None:
    toll = request_costs(asked("after", 2.0, calls=3, hits=5))[LIST]
    assert (toll.requests, toll.hits, toll.keys_hit, toll.keys_missed) == (20, 5, 5, 15)
    assert toll.hit == Counts()
    assert toll.other is not None
    assert (toll.other.calls, toll.other.blocks, toll.each.calls) == (3, 26, 2.25)
    assert toll.at(0.5).calls == 1.5
    assert [part.fingerprint for part in toll.parts] == ["b", "a"]


def test_an_endpoint_of_one_arm_alone_has_a_row_too() -> None:
    (row,) = work_rows({"before": request_costs(asked("before", 1.0))}, {})
    assert [cell.text for cell in row.after] == ["—"] * 6
    assert row.change == ("",) * 6


def test_equal_arms_are_told_how_far_they_are_apart() -> None:
    one, other = request_costs(asked("before", 1.0, calls=100)), request_costs(asked("control", 9.0, calls=101))
    found = apart(one, other)
    assert found is not None
    assert (found.what, round(found.share, 6)) == ("statements", round(1 / 101, 6))
    assert (
        control_sentence(found) == "A/A noise: before and control differ by at most 0.990 % (statements of GET /items)."
    )
    assert apart(one, {}) is None
    assert control_sentence(None) == ""


def test_an_endpoint_costs_what_its_corpus_cost_at_the_hit_rate_of_the_load() -> None:
    plan = parse_plan(PLAN)
    endpoint = "GET /recommendations/{user_id}"
    inspected = asked("after", 2.0, calls=3, hits=5)
    renamed = replace(inspected, requests=tuple(replace(one, endpoint=endpoint) for one in inspected.requests))
    tolls = {"after": request_costs(renamed)}
    summary = summarise(list(synthetic_trials(plan)), tolls=tolls)
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
