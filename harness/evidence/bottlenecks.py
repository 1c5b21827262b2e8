"""Bottleneck: what would hold the service up next, area by area, with a grade and what it was seen by.

    A  nothing found        B  good, something to know        C  to be mended soon        D  to be mended first

An area is as good as the worst that was found in it; one that nobody measured has no grade. The limits are those that
the functions below name; what before had is graded by the same ones.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from harness.analysis.servers import ServerReport
from harness.analysis.statements import SLOW_MS
from harness.analysis.summary import Summary
from harness.analysis.usage import MemoryTrend
from harness.evidence.alerts import AlertResult
from harness.evidence.catalogue import DatabaseEvidence
from harness.evidence.indexes import FlawKind
from harness.evidence.migration import MigrationUnderLoad
from harness.evidence.n_plus_one import RepeatedStatement
from harness.metrics import Unit
from harness.plan.model import ARMS
from harness.record.cache_keys import KeyUse
from harness.record.migration import UPGRADE
from harness.record.readings import DATABASE
from harness.record.statements import sought

VERY_SLOW_MS, MANY_RUNS = 1000.0, 50
WHOLE_ROWS, WHOLE_MANY = 1_000, 100_000
"""Rows that a table read whole has, per execution, from which on that is told, and from which on it comes first."""
HIT_RATES = (0.8, 0.75, 0.5)
CPU_SHARES, CONNECTION_SHARES = (0.4, 0.6, 0.8), (0.5, 0.8, 0.95)
BLOCKED = (0.0, 2.0, 10.0)
DEAD_SHARES, DEAD_MANY = (0.1, 0.2, 0.5), 1_000
POOL_SHARES = (0.5, 0.8, 0.999)
MEMORY_MB = (400.0, 400.0, 1000.0)
FIRED = (0.0, 0.05, 0.5)
STALLS_MS = (100.0, 500.0, 2000.0)
MOST = 5
"""Findings of an area that are told."""


class Grade(StrEnum):
    """How good an area is."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"


GRADES: tuple[Grade, ...] = tuple(Grade)
FLAW_GRADES = {
    FlawKind.UNUSED: Grade.B,
    FlawKind.DUPLICATE: Grade.C,
    FlawKind.PREFIX: Grade.C,
    FlawKind.INVALID: Grade.D,
}


class BottleneckKind(StrEnum):
    """What was found."""

    SLOW_STATEMENT = "slow statement"
    N_PLUS_ONE = "statement for each row"
    INDEX = "index"
    SEQ_SCAN = "table read whole"
    CACHE_MISSES = "cache misses"
    CONNECTIONS = "connections"
    POOL = "pool"
    LOCK_WAITS = "blocked sessions"
    DEADLOCKS = "deadlocks"
    DEAD_TUPLES = "dead rows"
    CPU = "CPU"
    MEMORY = "memory"
    MEMORY_GROWTH = "memory grows"
    ALERT = "alert"
    STALL = "stall"
    FAILED_REQUESTS = "failed requests"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """One thing that was found in an arm.

    Attributes:
        name: of the statement, endpoint, index, table, server or alert.
        value: how much: ms of the slowest execution, runs a request, rows, a share, connections, MB.
        of: what ``value`` is to be seen against: mean ms, a limit, how many; ``None`` where there is nothing.
        detail: columns, a second statement, what is wrong with an index.
    """

    kind: BottleneckKind
    grade: Grade
    name: str
    value: float
    of: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Area:
    """One area in both arms: what was found in after, the worst first, and the grades; ``None`` is not measured."""

    name: str
    before: Grade | None
    after: Grade | None
    bottlenecks: tuple[Bottleneck, ...] = ()


@dataclass(frozen=True, slots=True)
class BottleneckInputs:
    """All that areas are judged by."""

    summary: Summary
    repeated: Mapping[str, Mapping[str, RepeatedStatement]]
    databases: DatabaseEvidence | None
    alerts: Sequence[AlertResult]
    settings: Mapping[str, str]
    migration: MigrationUnderLoad | None = None
    keys: Mapping[str, Sequence[KeyUse]] = field(default_factory=dict)

    def servers(self, arm: str, of: str) -> list[ServerReport]:
        """What the servers of a kind told in an arm."""
        return [one for one in self.summary.servers if one.arm == arm and one.source.startswith(f"server:{of}")]


Look = Callable[[BottleneckInputs, str], Iterable[Bottleneck] | None]


def areas_of(seen: BottleneckInputs) -> tuple[Area, ...]:
    """Every area that was measured in either arm, the worst of after first."""
    found = [_area(name, look, seen) for name, look in AREAS.items()]
    measured = [area for area in found if area.before or area.after]
    return tuple(sorted(measured, key=lambda area: area.after or Grade.A, reverse=True))


def _area(name: str, look: Look, seen: BottleneckInputs) -> Area:
    before, after = ([*looked] if (looked := look(seen, arm)) is not None else None for arm in ARMS)
    worst = sorted(after or [], key=lambda one: (one.grade, one.value), reverse=True)[:MOST]
    return Area(name, _worst(before), _worst(after), tuple(worst))


def _worst(found: Sequence[Bottleneck] | None) -> Grade | None:
    return None if found is None else max((one.grade for one in found), default=Grade.A)


def _beyond(value: float, limits: Sequence[float]) -> Grade:
    """How many of three limits a value exceeds, as a grade."""
    return GRADES[sum(value > limit for limit in limits)]


def _statements(seen: BottleneckInputs, arm: str) -> Iterable[Bottleneck] | None:
    """Over 100 ms once: B; in the mean: C; over 1 s in the mean: D."""
    uses = [use for use in seen.summary.statements if use.arm == arm]
    slow = [(use, max(use.slowest_ms, use.mean_ms)) for use in uses]
    grades = {use: _beyond(use.mean_ms, (0.0, SLOW_MS, VERY_SLOW_MS)) for use in uses}
    found = [
        Bottleneck(BottleneckKind.SLOW_STATEMENT, grades[use], use.text, ms, use.mean_ms)
        for use, ms in slow
        if ms > SLOW_MS
    ]
    return found if uses else None


def _repetitions(seen: BottleneckInputs, arm: str) -> Iterable[Bottleneck] | None:
    """Any: C; from 50 runs a request on: D."""
    if arm not in seen.repeated:
        return None
    return [
        Bottleneck(BottleneckKind.N_PLUS_ONE, _beyond(one.runs, (0, 0, MANY_RUNS)), endpoint, one.runs, detail=one.text)
        for endpoint, one in seen.repeated[arm].items()
    ]


def _indexes(seen: BottleneckInputs, arm: str) -> Iterable[Bottleneck] | None:
    """Unused: B; a duplicate, or the beginning of another: C; INVALID: D. Known of after alone."""
    if seen.databases is None or arm != "after":
        return None
    return [
        Bottleneck(
            BottleneckKind.INDEX, FLAW_GRADES[flaw.kind], flaw.index.name, flaw.index.size_bytes, detail=flaw.kind.value
        )
        for flaw in seen.databases.indexes.flaws
    ]


def _tables(seen: BottleneckInputs, arm: str) -> Iterable[Bottleneck] | None:
    """A table of 1,000 rows or more that a statement reads whole: C; of 100,000: D."""
    if seen.databases is None or not seen.databases.plan_changes:
        return None
    return list(_whole(seen.databases, arm))


def _whole(databases: DatabaseEvidence, arm: str) -> Iterator[Bottleneck]:
    told = set()
    for change in databases.plan_changes:
        explained = change.after if arm == "after" else change.before
        for node in explained.root if explained else ():
            rows = (node.rows + node.removed) / max(node.loops, 1.0)
            if node.kind == "Seq Scan" and rows >= WHOLE_ROWS and (node.relation, node.on) not in told:
                told.add((node.relation, node.on))
                columns = ", ".join(sought(node.on))
                yield Bottleneck(
                    BottleneckKind.SEQ_SCAN, _beyond(rows, (0, 0, WHOLE_MANY)), node.relation, rows, detail=columns
                )


def _caching(seen: BottleneckInputs, arm: str) -> Iterable[Bottleneck] | None:
    """Of all look-ups: from 80 % on A, 75 % B, 50 % C. Named are the keys with most misses, else the endpoints."""
    rows = [row for row in seen.summary.rows if row.arm == arm and row.block is None and row.stage is None]
    whole = next((row for row in rows if row.endpoint is None and row.lookups), None)
    if whole is None:
        return None
    grade = GRADES[sum(whole.hits / whole.lookups < rate for rate in HIT_RATES)]
    if grade is Grade.A:
        return []
    asked = [(use.pattern, use.reads, use.misses) for use in seen.keys.get(arm, ())]
    asked = asked or [(str(row.endpoint), row.lookups, row.lookups - row.hits) for row in rows if row.endpoint]
    missed = sorted((one for one in asked if one[2]), key=lambda one: -one[2])
    misses = sum(one[2] for one in missed)
    return [
        Bottleneck(BottleneckKind.CACHE_MISSES, grade, name, count / misses, 1 - count / reads)
        for name, reads, count in missed[:MOST]
    ]


def _pool(seen: BottleneckInputs, arm: str) -> Iterable[Bottleneck] | None:
    """Readings of the plan that are shares of a limit, as a pool in use: up to half A, 80 % B, less than all C."""
    shares = {metric.name for metric in seen.summary.measures if metric.unit is Unit.FRACTION}
    row = seen.summary.row(arm, None, None, None)
    told = [(name, value) for name, value in row.values.items() if name in shares] if row else []
    found = [Bottleneck(BottleneckKind.POOL, _beyond(value, POOL_SHARES), name, value) for name, value in told]
    return [one for one in found if one.grade > Grade.A] if told else None


def _connections(seen: BottleneckInputs, arm: str) -> Iterable[Bottleneck] | None:
    """Of what the server allows: up to half A, 80 % B, 95 % C."""
    allowed = seen.settings.get("max_connections", "")
    most = max((told.levels.get("connections", 0.0) for told in seen.servers(arm, DATABASE)), default=None)
    if most is None or not allowed.isdecimal():
        return None
    grade = _beyond(most / int(allowed), CONNECTION_SHARES)
    return [Bottleneck(BottleneckKind.CONNECTIONS, grade, DATABASE, most, float(allowed))] if grade > Grade.A else []


def _locks(seen: BottleneckInputs, arm: str) -> Iterable[Bottleneck] | None:
    """Most sessions that waited for a lock at once: none A, two B, ten C; a deadlock: D."""
    told = seen.servers(arm, DATABASE)
    if not told:
        return None
    blocked = max(one.levels.get("blocked_sessions", 0.0) for one in told)
    deadlocks = sum(one.counts.get("deadlocks", 0.0) * one.seconds for one in told)
    found = [Bottleneck(BottleneckKind.LOCK_WAITS, _beyond(blocked, BLOCKED), DATABASE, blocked)] if blocked else []
    return [*found, Bottleneck(BottleneckKind.DEADLOCKS, Grade.D, DATABASE, deadlocks)] if deadlocks else found


def _dead_rows(seen: BottleneckInputs, arm: str) -> Iterable[Bottleneck] | None:
    """Old versions, of all rows, at most: a tenth A, a fifth B, half C; of less than 1,000 nothing is said."""
    told = [
        (one.source.partition(":")[2], one.levels) for one in seen.servers(arm, DATABASE) if "dead_rows" in one.levels
    ]
    known = [(name, levels["dead_rows"], levels.get("live_rows", 0.0)) for name, levels in told]
    many = [(name, dead, dead / (dead + live)) for name, dead, live in known if dead >= DEAD_MANY]
    found = [
        Bottleneck(BottleneckKind.DEAD_TUPLES, _beyond(share, DEAD_SHARES), name, share, dead)
        for name, dead, share in many
    ]
    return [one for one in found if one.grade > Grade.A] if told else None


def _processors(seen: BottleneckInputs, arm: str) -> Iterable[Bottleneck] | None:
    """Of all cores: up to 40 % A, 60 % B, 80 % C."""
    known = [(one.name, one.cpu) for one in seen.summary.consumers if one.arm == arm and one.cpu is not None]
    found = [Bottleneck(BottleneckKind.CPU, _beyond(cpu, CPU_SHARES), name, cpu) for name, cpu in known]
    return [one for one in found if one.grade > Grade.A] if known else None


def _memory(seen: BottleneckInputs, arm: str) -> Iterable[Bottleneck] | None:
    """Services and cache, each: up to 400 MB A, 1,000 MB C; one that grows: C."""
    consumers = [one for one in seen.summary.consumers if one.arm == arm and one.name != DATABASE]
    if not consumers:
        return None
    large = [
        Bottleneck(BottleneckKind.MEMORY, _beyond(one.memory_mb, MEMORY_MB), one.name, one.memory_mb)
        for one in consumers
    ]
    growing = [(one.name, one.growth.value) for one in consumers if one.growth and one.course is MemoryTrend.GROWS]
    grown = [Bottleneck(BottleneckKind.MEMORY_GROWTH, Grade.C, name, slope) for name, slope in growing]
    return [*(one for one in large if one.grade > Grade.A), *grown]


def _alerts(seen: BottleneckInputs, arm: str) -> Iterable[Bottleneck] | None:
    """Windows in which an alert fired: none A, one in twenty B, half of them C; a critical one that fired: D."""
    alarms = [one for one in seen.alerts if one.arm == arm]
    return (
        [
            Bottleneck(
                BottleneckKind.ALERT,
                Grade.D if one.alert.severity == "critical" else _beyond(one.fired / one.windows, FIRED),
                one.alert.when,
                float(one.fired),
                float(one.windows),
            )
            for one in alarms
            if one.fired
        ]
        if alarms
        else None
    )


def _migration(seen: BottleneckInputs, arm: str) -> Iterable[Bottleneck] | None:
    """Longest stall of a request: 100 ms A, 500 ms B, 2 s C; a failed one: D; not rolled back to what was before: C."""
    rehearsal = seen.migration
    loss = rehearsal.loss(UPGRADE) if rehearsal else None
    if rehearsal is None or loss is None or loss.stall_ms is None or arm != "after":
        return None
    grade = _beyond(loss.stall_ms, STALLS_MS)
    stall = (
        [Bottleneck(BottleneckKind.STALL, grade, loss.endpoint, loss.stall_ms, detail=loss.blocked_by)]
        if grade > Grade.A
        else []
    )
    failed = (
        [Bottleneck(BottleneckKind.FAILED_REQUESTS, Grade.D, loss.endpoint, float(loss.failures))]
        if loss.failures
        else []
    )
    kept = [Bottleneck(BottleneckKind.ROLLBACK, Grade.C, "", 0.0)] if rehearsal.rolled_back is False else []
    return [*stall, *failed, *kept]


AREAS: dict[str, Look] = {
    "slow statements": _statements,
    "statements for each row (N+1)": _repetitions,
    "tables read whole": _tables,
    "indexes": _indexes,
    "the migration itself": _migration,
    "cache": _caching,
    "connections": _connections,
    "pool, and other shares of a limit": _pool,
    "locks": _locks,
    "dead rows": _dead_rows,
    "CPU": _processors,
    "memory": _memory,
    "alerts": _alerts,
}
