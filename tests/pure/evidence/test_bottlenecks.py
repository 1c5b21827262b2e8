"""Grades of areas: limits, the worst counts, and no grade without a measurement."""

from dataclasses import replace

import pytest

from harness.analysis.servers import ServerReport
from harness.analysis.statements import StatementUse
from harness.analysis.summary import Summary, summarise
from harness.analysis.usage import Consumer
from harness.evidence.alerts import AlertResult
from harness.evidence.bottlenecks import AREAS, Area, BottleneckInputs, BottleneckKind, Grade, areas_of
from harness.evidence.n_plus_one import RepeatedStatement
from harness.plan.alerts import Alert
from harness.plan.file import parse_plan
from harness.record.statements import compared_columns
from reports.sections.bottlenecks import bottlenecks
from tests.doubles import PLAN, synthetic_trials


@pytest.fixture(scope="module")
def summary() -> Summary:
    return summarise(list(synthetic_trials(parse_plan(PLAN))))


def seen(summary: Summary, **what: object) -> BottleneckInputs:
    return BottleneckInputs(replace(summary, **what), {}, None, (), {"max_connections": "100"})  # type: ignore[arg-type]


def area(name: str, seen: BottleneckInputs) -> Area:
    return next(one for one in areas_of(seen) if one.name == name)


def use(mean_ms: float, slowest_ms: float) -> StatementUse:
    return StatementUse("after", "", "f", "SELECT 1", 10, 10, 1, 1, 0, 10 * mean_ms, slowest_ms, 100, 60.0)


@pytest.mark.parametrize(
    ("mean", "slowest", "grade"),
    [(1, 99.9, "A"), (1, 100.1, "B"), (99, 200, "B"), (101, 200, "C"), (101, 0, "C"), (1001, 2000, "D")],
)
def test_slow_statements(summary: Summary, mean: float, slowest: float, grade: str) -> None:
    assert area("slow statements", seen(summary, statements=(use(mean, slowest),))).after == grade


def test_an_area_that_was_not_measured_has_no_grade(summary: Summary) -> None:
    names = {one.name for one in areas_of(seen(summary))}
    assert names == {"cache"}
    found = areas_of(seen(summary, statements=(use(1, 500),)))
    assert next(one for one in found if one.name == "slow statements").before is None


@pytest.mark.parametrize(("most", "grade"), [(50, "A"), (51, "B"), (80, "B"), (81, "C"), (96, "D")])
def test_connections(summary: Summary, most: float, grade: str) -> None:
    told = ServerReport("after", "server:postgres", levels={"connections": most})
    assert area("connections", seen(summary, servers=(told,))).after == grade


@pytest.mark.parametrize(
    ("blocked", "deadlocks", "grade"), [(0, 0, "A"), (1, 0, "B"), (3, 0, "C"), (11, 0, "D"), (0, 0.1, "D")]
)
def test_locks(summary: Summary, blocked: float, deadlocks: float, grade: str) -> None:
    told = ServerReport("after", "server:postgres", {"deadlocks": deadlocks}, {"blocked_sessions": blocked}, 10.0)
    assert area("locks", seen(summary, servers=(told,))).after == grade


@pytest.mark.parametrize(
    ("dead", "grade"), [(999, "A"), (1_000, "A"), (1_100, "A"), (1_200, "B"), (2_500, "B"), (2_600, "C"), (10_100, "D")]
)
def test_dead_tuples(summary: Summary, dead: float, grade: str) -> None:
    told = ServerReport("after", "server:postgres/orders", levels={"dead_rows": dead, "live_rows": 10_000.0})
    found = area("dead tuples", seen(summary, servers=(told,)))
    assert found.after == grade
    assert [one.name for one in found.bottlenecks] == ([] if grade == "A" else ["postgres/orders"])
    few = ServerReport("after", "server:postgres", levels={"dead_rows": 999.0, "live_rows": 0.0})
    assert area("dead tuples", seen(summary, servers=(few,))).after == "A"


@pytest.mark.parametrize(("cpu", "memory", "grades"), [(0.4, 400, "AA"), (0.5, 401, "BC"), (0.7, 1001, "CD")])
def test_processes(summary: Summary, cpu: float, memory: float, grades: str) -> None:
    found = seen(summary, consumers=(Consumer("after", "api", cpu, memory, None),))
    assert f"{area('CPU', found).after}{area('memory', found).after}" == grades


def test_a_critical_alert_that_fired_once_comes_first(summary: Summary) -> None:
    def fired(severity: str, times: int) -> AlertResult:
        return AlertResult(
            Alert.model_validate({"when": "p95 > 1 s", "severity": severity}), "after", times, 100, 2000.0
        )

    for severity, times, grade in (
        ("critical", 0, "A"),
        ("critical", 1, "D"),
        ("warning", 5, "B"),
        ("warning", 51, "D"),
    ):
        found = replace(seen(summary), alerts=(fired(severity, times),))
        assert area("alerts", found).after == grade, severity


def test_the_worst_comes_first_and_every_kind_has_words(summary: Summary) -> None:
    repeated = {"after": {"GET /": RepeatedStatement("GET /", "f", "SELECT 2", "SELECT 1", 60.0, 1.0, 9)}}
    found = replace(
        seen(summary, statements=(use(500, 900),), consumers=(Consumer("after", "api", 0.5, 900.0, None),)),
        repeated=repeated,
    )
    areas = areas_of(found)
    assert [one.after for one in areas] == sorted((one.after or Grade.A for one in areas), reverse=True)
    section = bottlenecks(areas)
    assert section is not None
    assert section.sentence.startswith("Fix first: N+1 statements; fix soon: slow statements and memory")
    assert all(row.what and row.advice for one in section.rows for row in one.found)
    assert bottlenecks(()) is None


def test_every_area_is_known_by_its_limits() -> None:
    assert all(look.__doc__ for look in AREAS.values())
    assert len(BottleneckKind) == len({*BottleneckKind})


@pytest.mark.parametrize(
    ("condition", "columns"),
    [
        ("(author = ?)", ["author"]),
        ("((contents.creator_id = ?) AND (created_at > ?))", ["creator_id", "created_at"]),
        ("(lower(name) = ?)", []),
        ("(name ~~ ?)", ["name"]),
        ("no condition at all (", []),
        ("", []),
    ],
)
def test_the_columns_that_an_index_would_be_on(condition: str, columns: list[str]) -> None:
    assert compared_columns(condition) == columns
