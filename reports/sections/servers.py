"""Statistics of PostgreSQL and Redis under load."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from harness.analysis.servers import PROBES, ServerReport
from harness.analysis.summary import Summary
from harness.plan.model import ARMS
from harness.record.readings import CACHE, DATABASE, SERVER, TRIGGER_CALLS, TRIGGER_MS, TRIGGERS
from reports import formatting
from reports.formatting import FormattedValue

MOST_WAITS = 4
WAITS = {
    "CPU": "executing, or ready to",
    "Lock": "waiting for a row or table lock of another session",
    "LWLock": "waiting for an internal lock of PostgreSQL",
    "IO": "waiting for the disk",
    "Client": "waiting for the application",
    "IPC": "waiting for another process of PostgreSQL",
    "Timeout": "sleeping, e.g. pg_sleep or a vacuum delay",
    "BufferPin": "waiting for exclusive access to a buffer",
}


class ServerRow(NamedTuple):
    """One statistic before and after, with its meaning."""

    label: str
    before: FormattedValue
    after: FormattedValue
    meaning: str


class ServerTable(NamedTuple):
    """One server or database; ``never`` names the statistics that are 0 in both arms."""

    title: str
    rows: tuple[ServerRow, ...]
    never: str


class ServerSection(NamedTuple):
    """All servers; ``cost`` is the monitoring overhead."""

    tables: tuple[ServerTable, ...]
    cost: str


Value = Callable[[ServerReport], float | None]


class _Line(NamedTuple):
    """A row: where its value is, how it is formatted, what it means, and ``why`` it is missing."""

    label: str
    value: Value
    shown: Callable[[float], str] = formatting.number
    meaning: str = ""
    why: str = "not reported"


def server_section(summary: Summary) -> ServerSection | None:
    """``None`` where no server was read."""
    found = {(report.arm, report.source): report for report in summary.servers if report.arm in ARMS}
    sources = [source for source in dict.fromkeys(source for _, source in found) if source != PROBES]
    rows = [summary.row(arm, None, None, None) for arm in ARMS]
    hits = [row.value("cache_hit_rate") if row else None for row in rows]
    tables = [_table(source, [found.get((arm, source)) for arm in ARMS], hits) for source in sources]
    shown = tuple(table for table in tables if table.rows)
    return ServerSection(shown, _cost([found.get((arm, PROBES)) for arm in ARMS])) if shown else None


def _table(source: str, sides: Sequence[ServerReport | None], hits: Sequence[float | None]) -> ServerTable:
    name = source.removeprefix(SERVER)
    title = name.replace(DATABASE, "PostgreSQL", 1).replace(CACHE, "Redis", 1).replace("/", ": ", 1)
    lines = _CACHE if name.startswith(CACHE) else [*_DATABASE, *_triggers(sides), *_waits(sides)]
    nothing = [line.label for line in lines if all(side is not None and line.value(side) == 0 for side in sides)]
    rows = [row for line in lines if line.label not in nothing and (row := _row(line, sides))]
    if name.startswith(CACHE) and any(hit is not None for hit in hits):
        before, after = (formatting.value_or(hit, _percent, "no response had the header X-Cache") for hit in hits)
        rows.insert(0, ServerRow("cache hit rate of responses", before, after, "from the response header X-Cache"))
    return ServerTable(
        formatting.plain(title), tuple(rows), f"0 in both arms: {'; '.join(nothing)}." if nothing else ""
    )


def _row(line: _Line, sides: Sequence[ServerReport | None]) -> ServerRow | None:
    values = [None if side is None else line.value(side) for side in sides]
    if all(value is None for value in values):
        return None
    before, after = (formatting.value_or(value, line.shown, line.why) for value in values)
    return ServerRow(line.label, before, after, line.meaning)


def _level(name: str) -> Value:
    return lambda report: report.levels.get(name)


def _rate(name: str) -> Value:
    return lambda report: report.counts.get(name)


def _ratio(part: str, *whole: str) -> Value:
    """A count divided by the sum of some counts."""

    def value(report: ServerReport) -> float | None:
        counts = [report.counts[name] for name in (part, *whole) if name in report.counts]
        total = sum(counts[1:])
        return counts[0] / total if len(counts) > len(whole) and total else None

    return value


def _whole(value: float) -> str:
    return formatting.count(int(value)) if value == int(value) else formatting.number(value)


def _percent(value: float) -> str:
    return f"{formatting.in_percent(value)} %"


def _size(value: float) -> str:
    return formatting.size(int(value))


_HIT_RATIO = _ratio("blks_hit", "blks_hit", "blks_read")
_DATABASE = (
    _Line("peak connections", _level("connections"), _whole, "each uses memory of the server"),
    _Line("active sessions", _level('connections{state="active"}'), meaning="executing a statement, or waiting in one"),
    _Line(
        "sessions idle in transaction",
        _level('connections{state="idle in transaction"}'),
        meaning="hold their locks while the application does something else",
    ),
    _Line("peak sessions waiting for a lock", _level("blocked_sessions"), _whole, "blocked by another session"),
    _Line("buffer cache hit ratio", _HIT_RATIO, _percent, "buffers found in shared buffers"),
    _Line("rows scanned/s", _rate("rows_read"), meaning="read by scans, whether or not they were needed"),
    _Line("transactions/s", _rate("commits")),
    _Line("rollbacks/s", _rate("rollbacks")),
    _Line("deadlocks/s", _rate("deadlocks"), meaning="two sessions waited for each other; one was ended"),
    _Line("WAL, bytes/s", _rate("wal_bytes"), meaning="write-ahead log: all changes, also sent to replicas"),
    _Line("checkpoints per leg", _rate("checkpoints"), _whole, "write all changed buffers: a burst of disk writes"),
    _Line("temporary files, bytes/s", _rate("temp_bytes"), meaning="sorts and joins that exceed work_mem"),
    _Line("dead tuples, max", _level("dead_rows"), _whole, "old row versions that VACUUM has not removed yet"),
    _Line("database size", _level("database_bytes"), _size),
)
_TRIGGERS = (
    _Line("calls of trigger functions/s", _rate(TRIGGER_CALLS)),
    _Line(
        "time in trigger functions, per second",
        _rate(TRIGGER_MS),
        formatting.milliseconds,
        "part of the time of the statements that fire them, lock waits included",
    ),
    _Line(
        "mean time of a trigger function",
        _ratio(TRIGGER_MS, TRIGGER_CALLS),
        formatting.milliseconds,
        why="none was called",
    ),
)
_CACHE = (
    _Line("hit rate", _ratio("hits", "hits", "misses"), _percent, "of keyspace lookups; a response may need several"),
    _Line("keyspace hits/s", _rate("hits")),
    _Line("keyspace misses/s", _rate("misses")),
    _Line("used memory, max", _level("used_bytes"), _size),
    _Line("evicted keys/s", _rate("evicted_keys"), meaning="removed because memory was full (maxmemory)"),
    _Line("commands/s", _rate("commands")),
    _Line("peak connections", _level("clients"), _whole),
    _Line("slow commands/s", _rate("slow_commands"), meaning="in the server's SLOWLOG"),
)


def _triggers(sides: Sequence[ServerReport | None]) -> Sequence[_Line]:
    return _TRIGGERS if any(side is not None and side.levels.get(TRIGGERS) for side in sides) else ()


def _waits(sides: Sequence[ServerReport | None]) -> Iterator[_Line]:
    names = {name for side in sides if side for name in side.levels if name.startswith("waiting{")}
    most = {name: max(side.levels.get(name, 0.0) for side in sides if side) for name in names}
    for name in sorted(names, key=lambda one: (-most[one], one))[:MOST_WAITS]:
        event = name.removeprefix('waiting{for="').removesuffix('"}')
        kind = event.partition(":")[0]
        label = "active, no wait event (on CPU)" if event == "CPU" else f"waiting: {event}"
        meaning = WAITS.get(kind, "waiting inside PostgreSQL")
        yield _Line(formatting.plain(label), partial(_wait, name), meaning=meaning)


def _wait(name: str, report: ServerReport) -> float:
    return report.levels.get(name, 0.0)


def _cost(sides: Sequence[ServerReport | None]) -> str:
    costs = []
    for arm, side in zip(ARMS, sides, strict=True):
        if side and (seconds := side.levels.get("probe_seconds")):
            own = formatting.in_percent(side.levels.get("probe_cpu_seconds", 0.0) / seconds)
            server = formatting.in_percent(side.levels.get("probe_server_ms", 0.0) / 1000 / seconds)
            costs.append(f"{arm} {own} % of a core for the harness, {server} % of a core for PostgreSQL")
    return f"Monitoring overhead: {'; '.join(costs)}." if costs else ""
