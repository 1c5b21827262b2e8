"""Bottlenecks of the service, area by area, with a grade and the evidence.

    A  nothing found        B  good, with findings        C  fix soon        D  fix first

The grade of an area is that of its worst finding; an area that was not measured has none. The limits stand in the
functions below, and apply to both arms.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
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
from harness.record.statements import compared_columns

MOST_BOTTLENECKS = 5  # bottlenecks shown per area
SCANNED_ROWS, MANY_DEAD_TUPLES = 1_000, 1_000


class Grade(StrEnum):
    """The state of an area, from A (nothing found) to D (fix first)."""

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
    """What was found; reports add a remedy to most kinds."""

    SLOW_STATEMENT = "slow statement"
    N_PLUS_ONE = "N+1 statement"
    INDEX = "index"
    SEQ_SCAN = "sequential scan"
    CACHE_MISSES = "cache misses"
    CONNECTIONS = "connections"
    POOL = "pool"
    LOCK_WAITS = "lock waits"
    DEADLOCKS = "deadlocks"
    DEAD_TUPLES = "dead tuples"
    CPU = "CPU"
    MEMORY = "memory"
    MEMORY_GROWTH = "memory growth"
    ALERT = "alert"
    STALL = "stall"
    FAILED_REQUESTS = "failed requests"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """One bottleneck in an arm."""

    kind: BottleneckKind
    grade: Grade
    name: str  # of the statement, endpoint, index, table, server or alert
    value: float  # ms of the slowest execution, runs per request, rows, a share, connections, MB, depending on the kind
    of: float | None = None  # the number beside ``value``: mean ms, a limit, a total; ``None`` where there is none
    detail: str = ""  # columns, a second statement, the flaw of an index


@dataclass(frozen=True, slots=True)
class Area:
    """The grades of one area in both arms, ``None`` where not measured, and the bottlenecks of after, worst first."""

    name: str
    before: Grade | None
    after: Grade | None
    bottlenecks: tuple[Bottleneck, ...] = ()


@dataclass(frozen=True, slots=True)
class BottleneckInputs:
    """The evidence that areas are graded by; ``repeated`` is by arm and endpoint, ``keys`` by arm."""

    summary: Summary
    repeated: Mapping[str, Mapping[str, RepeatedStatement]]
    databases: DatabaseEvidence | None
    alerts: Sequence[AlertResult]
    settings: Mapping[str, str]
    migration: MigrationUnderLoad | None = None
    keys: Mapping[str, Sequence[KeyUse]] = field(default_factory=dict)

    def servers(self, arm: str, kind: str) -> list[ServerReport]:
        return [one for one in self.summary.servers if one.arm == arm and one.source.startswith(f"server:{kind}")]


AreaCheck = Callable[[BottleneckInputs, str], Iterable[Bottleneck] | None]
"""Takes the inputs and an arm; returns the bottlenecks, some of them perhaps of grade A, or None if not measured."""


def areas_of(inputs: BottleneckInputs) -> tuple[Area, ...]:
    """Every area that was measured in either arm, the worst of after first."""
    found = [_area(name, check, inputs) for name, check in AREAS.items()]
    measured = [area for area in found if area.before or area.after]
    return tuple(sorted(measured, key=lambda area: area.after or Grade.A, reverse=True))


def _area(name: str, check: AreaCheck, inputs: BottleneckInputs) -> Area:
    before, after = (_worst_first(check(inputs, arm)) for arm in ARMS)
    return Area(name, _worst(before), _worst(after), tuple((after or ())[:MOST_BOTTLENECKS]))


def _worst_first(found: Iterable[Bottleneck] | None) -> list[Bottleneck] | None:
    bad = [one for one in found or () if one.grade > Grade.A]
    return None if found is None else sorted(bad, key=lambda one: (one.grade, one.value), reverse=True)


def _worst(found: Sequence[Bottleneck] | None) -> Grade | None:
    if found is None:
        return None
    return found[0].grade if found else Grade.A


def _grade(value: float, limits: Sequence[float]) -> Grade:
    """The grade of a value by the limits of B, C and D."""
    return GRADES[sum(value > limit for limit in limits)]


def _graded(kind: BottleneckKind, limits: Sequence[float], found: Iterable[tuple[str, float]]) -> list[Bottleneck]:
    return [Bottleneck(kind, _grade(value, limits), name, value) for name, value in found]


def _statements(inputs: BottleneckInputs, arm: str) -> Iterable[Bottleneck] | None:
    """An execution over 100 ms: B; a mean over 100 ms: C; a mean over 1 s: D."""
    uses = [use for use in inputs.summary.statements if use.arm == arm]
    slow = [(use, ms) for use in uses if (ms := max(use.slowest_ms, use.mean_ms)) > SLOW_MS]
    kind, limits = BottleneckKind.SLOW_STATEMENT, (0.0, SLOW_MS, 1000.0)
    found = [Bottleneck(kind, _grade(use.mean_ms, limits), use.text, ms, use.mean_ms) for use, ms in slow]
    return found if uses else None


def _n_plus_one(inputs: BottleneckInputs, arm: str) -> Iterable[Bottleneck] | None:
    """Any N+1: C; over 50 runs a request: D."""
    if arm not in inputs.repeated:
        return None
    return [
        Bottleneck(BottleneckKind.N_PLUS_ONE, _grade(one.runs, (0, 0, 50.0)), endpoint, one.runs, detail=one.text)
        for endpoint, one in inputs.repeated[arm].items()
    ]


def _indexes(inputs: BottleneckInputs, arm: str) -> Iterable[Bottleneck] | None:
    """Unused: B; a duplicate or prefix of another index: C; INVALID: D. Of after only."""
    if inputs.databases is None or arm != "after":
        return None
    flaws, kind = [(flaw.index, flaw.kind) for flaw in inputs.databases.indexes.flaws], BottleneckKind.INDEX
    return [Bottleneck(kind, FLAW_GRADES[flaw], i.name, i.size_bytes, detail=flaw.value) for i, flaw in flaws]


def _tables(inputs: BottleneckInputs, arm: str) -> Iterable[Bottleneck] | None:
    """A Seq Scan of 1,000 rows or more: C; of more than 100,000: D."""
    if inputs.databases is None or not inputs.databases.plan_changes:
        return None
    found: dict[tuple[str, str], Bottleneck] = {}
    for change in inputs.databases.plan_changes:
        explained = change.after if arm == "after" else change.before
        for node in explained.root if explained else ():
            rows = (node.rows + node.removed) / max(node.loops, 1.0)
            if node.kind == "Seq Scan" and rows >= SCANNED_ROWS:
                grade, columns = _grade(rows, (0, 0, 100_000)), ", ".join(compared_columns(node.on))
                scan = Bottleneck(BottleneckKind.SEQ_SCAN, grade, node.relation, rows, detail=columns)
                found.setdefault((node.relation, node.on), scan)
    return found.values()


def _cache(inputs: BottleneckInputs, arm: str) -> Iterable[Bottleneck] | None:
    """Hit rate: from 80 % A, 75 % B, 50 % C. Shows the key patterns with most misses, else the endpoints."""
    rows = [row for row in inputs.summary.rows if row.arm == arm and row.block is None and row.stage is None]
    total = next((row for row in rows if row.endpoint is None and row.lookups), None)
    if total is None:
        return None
    grade = GRADES[sum(total.hits / total.lookups < rate for rate in (0.8, 0.75, 0.5))]
    lookups = [(use.pattern, use.reads, use.misses) for use in inputs.keys.get(arm, ())]
    lookups = lookups or [(str(row.endpoint), row.lookups, row.lookups - row.hits) for row in rows if row.endpoint]
    missed = sorted((one for one in lookups if one[2]), key=lambda one: -one[2])
    misses = sum(one[2] for one in missed)
    return [
        Bottleneck(BottleneckKind.CACHE_MISSES, grade, name, count / misses, 1 - count / reads)
        for name, reads, count in missed[:MOST_BOTTLENECKS]
    ]


def _pool(inputs: BottleneckInputs, arm: str) -> Iterable[Bottleneck] | None:
    """Readings that are shares of a limit, such as a pool in use: up to 50 % A, 80 % B, below 100 % C."""
    shares = {metric.name for metric in inputs.summary.measures if metric.unit is Unit.FRACTION}
    row = inputs.summary.row(arm, None, None, None)
    known = [(name, value) for name, value in row.values.items() if name in shares] if row else []
    return _graded(BottleneckKind.POOL, (0.5, 0.8, 0.999), known) or None


def _connections(inputs: BottleneckInputs, arm: str) -> Iterable[Bottleneck] | None:
    """Peak share of ``max_connections``: up to 50 % A, 80 % B, 95 % C."""
    allowed = inputs.settings.get("max_connections", "")
    peak = max((one.levels.get("connections", 0.0) for one in inputs.servers(arm, DATABASE)), default=None)
    if peak is None or not allowed.isdecimal():
        return None
    grade = _grade(peak / int(allowed), (0.5, 0.8, 0.95))
    return [Bottleneck(BottleneckKind.CONNECTIONS, grade, DATABASE, peak, float(allowed))]


def _locks(inputs: BottleneckInputs, arm: str) -> Iterable[Bottleneck] | None:
    """Peak number of sessions that waited for a lock: none A, up to 2 B, up to 10 C; a deadlock: D."""
    reports = inputs.servers(arm, DATABASE)
    if not reports:
        return None
    blocked = max(one.levels.get("blocked_sessions", 0.0) for one in reports)
    deadlocks = sum(one.counts.get("deadlocks", 0.0) * one.seconds for one in reports)
    found = _graded(BottleneckKind.LOCK_WAITS, (0.0, 2.0, 10.0), [(DATABASE, blocked)])
    return [*found, Bottleneck(BottleneckKind.DEADLOCKS, Grade.D, DATABASE, deadlocks)] if deadlocks else found


def _dead_tuples(inputs: BottleneckInputs, arm: str) -> Iterable[Bottleneck] | None:
    """Peak share of dead tuples: up to 10 % A, 20 % B, 50 % C; fewer than 1,000 are ignored."""
    reports = [one for one in inputs.servers(arm, DATABASE) if "dead_rows" in one.levels]
    known = [(one.source.partition(":")[2], one.levels) for one in reports]
    counts = [(name, levels["dead_rows"], levels.get("live_rows", 0.0)) for name, levels in known]
    many = [(name, dead, dead / (dead + live)) for name, dead, live in counts if dead >= MANY_DEAD_TUPLES]
    kind = BottleneckKind.DEAD_TUPLES
    found = [Bottleneck(kind, _grade(share, (0.1, 0.2, 0.5)), name, share, dead) for name, dead, share in many]
    return found if reports else None


def _cpu(inputs: BottleneckInputs, arm: str) -> Iterable[Bottleneck] | None:
    """Share of all cores: up to 40 % A, 60 % B, 80 % C."""
    known = [(one.name, one.cpu) for one in inputs.summary.consumers if one.arm == arm and one.cpu is not None]
    return _graded(BottleneckKind.CPU, (0.4, 0.6, 0.8), known) or None


def _memory(inputs: BottleneckInputs, arm: str) -> Iterable[Bottleneck] | None:
    """Each service and the cache: up to 400 MB A, 1,000 MB C; growing: C."""
    consumers = [one for one in inputs.summary.consumers if one.arm == arm and one.name != DATABASE]
    large = _graded(BottleneckKind.MEMORY, (400.0, 400.0, 1000.0), [(one.name, one.memory_mb) for one in consumers])
    growing = [(one.name, one.growth.value) for one in consumers if one.growth and one.course is MemoryTrend.GROWS]
    grown = [Bottleneck(BottleneckKind.MEMORY_GROWTH, Grade.C, name, slope) for name, slope in growing]
    return [*large, *grown] if consumers else None


def _alerts(inputs: BottleneckInputs, arm: str) -> Iterable[Bottleneck] | None:
    """Share of windows in which an alert fired: none A, 5 % B, 50 % C; a critical alert that fired: D."""
    found = []
    for one in (one for one in inputs.alerts if one.arm == arm):
        critical = one.fired and one.alert.severity == "critical"
        grade = Grade.D if critical else _grade(one.fired / one.windows, (0.0, 0.05, 0.5))
        found.append(Bottleneck(BottleneckKind.ALERT, grade, one.alert.when, float(one.fired), float(one.windows)))
    return found or None


def _migration(inputs: BottleneckInputs, arm: str) -> Iterable[Bottleneck] | None:
    """Longest stall of a request: 100 ms A, 500 ms B, 2 s C; failed requests: D; an incomplete rollback: C."""
    migration = inputs.migration
    loss = migration.loss(UPGRADE) if migration else None
    if migration is None or loss is None or loss.stall_ms is None or arm != "after":
        return None
    grade, failures = _grade(loss.stall_ms, (100.0, 500.0, 2000.0)), float(loss.failures)
    stall = Bottleneck(BottleneckKind.STALL, grade, loss.endpoint, loss.stall_ms, detail=loss.blocked_by)
    failed = [Bottleneck(BottleneckKind.FAILED_REQUESTS, Grade.D, loss.endpoint, failures)] if failures else []
    kept = [Bottleneck(BottleneckKind.ROLLBACK, Grade.C, "", 0.0)] if migration.rolled_back is False else []
    return [stall, *failed, *kept]


AREAS: dict[str, AreaCheck] = {
    "slow statements": _statements,
    "N+1 statements": _n_plus_one,
    "sequential scans": _tables,
    "indexes": _indexes,
    "migration under load": _migration,
    "cache": _cache,
    "connections": _connections,
    "pools and other limits": _pool,
    "locks": _locks,
    "dead tuples": _dead_tuples,
    "CPU": _cpu,
    "memory": _memory,
    "alerts": _alerts,
}
