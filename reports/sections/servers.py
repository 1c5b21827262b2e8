"""Server: what PostgreSQL and Redis told of themselves while they were under load, in plain words."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from harness.analysis.servers import PROBES, ServerReport
from harness.analysis.summary import Summary
from harness.plan.model import ARMS
from harness.record.readings import CACHE, DATABASE, SERVER, TRIGGER_CALLS, TRIGGER_MS, TRIGGERS
from reports import formatting
from reports.formatting import FormattedValue

LEAD = (
    "Asked once a second beside the load, sessions ten times a second. Means over all stages but ramps and all legs, "
    "unless it says most."
)
MOST_WAITS = 4
WAITS = {
    "CPU": "on a CPU, or waiting for one",
    "Lock": "waiting for a row or table that another session has locked",
    "LWLock": "waiting for a short lock inside PostgreSQL",
    "IO": "waiting for the disk",
    "Client": "waiting for the application",
    "IPC": "waiting for another process of PostgreSQL",
    "Timeout": "asleep, as they were asked to be",
    "BufferPin": "waiting for a page that another session reads",
}


@dataclass(frozen=True, slots=True)
class ServerRow:
    """One thing told, before and after, and what it means."""

    label: str
    before: FormattedValue
    after: FormattedValue
    meaning: str


@dataclass(frozen=True, slots=True)
class ServerTable:
    """What one server or database told."""

    title: str
    rows: tuple[ServerRow, ...]
    never: str
    """What was 0 in both arms, in one sentence."""


@dataclass(frozen=True, slots=True)
class ServerSection:
    """Every server, and in ``cost`` what asking them cost."""

    lead: str
    tables: tuple[ServerTable, ...]
    cost: str


Value = Callable[[ServerReport], float | None]


@dataclass(frozen=True, slots=True)
class _Line:
    label: str
    value: Value
    shown: Callable[[float], str]
    meaning: str = ""
    why: str = "not told"
    """Where there is no value."""


def server_section(summary: Summary) -> ServerSection | None:
    """The section; ``None`` where no server was asked."""
    found = {(told.arm, told.source): told for told in summary.servers if told.arm in ARMS}
    sources = [source for source in dict.fromkeys(source for _, source in found) if source != PROBES]
    rows = [summary.row(arm, None, None, None) for arm in ARMS]
    hits = [row.value("cache_hit_rate") if row else None for row in rows]
    tables = [_table(source, [found.get((arm, source)) for arm in ARMS], hits) for source in sources]
    shown = tuple(table for table in tables if table.rows)
    if not shown:
        return None
    return ServerSection(LEAD, shown, _cost([found.get((arm, PROBES)) for arm in ARMS]))


def _table(source: str, sides: Sequence[ServerReport | None], hits: Sequence[float | None]) -> ServerTable:
    name = source.removeprefix(SERVER)
    title = name.replace(DATABASE, "PostgreSQL", 1).replace(CACHE, "Redis", 1).replace("/", ": ", 1)
    lines = _CACHE if name.startswith(CACHE) else [*_DATABASE, *_triggers(sides), *_waits(sides)]
    nothing = [line.label for line in lines if all(side is not None and line.value(side) == 0 for side in sides)]
    rows = [row for line in lines if line.label not in nothing and (row := _row(line, sides))]
    if name.startswith(CACHE) and any(hit is not None for hit in hits):
        before, after = map(_hit, hits)
        rows.insert(0, ServerRow("answers from the cache", before, after, "as the services say in their answers"))
    return ServerTable(formatting.plain(title), tuple(rows), f"0 in both: {'; '.join(nothing)}." if nothing else "")


def _hit(rate: float | None) -> FormattedValue:
    return (
        formatting.missing("no answer said whether it came from the cache")
        if rate is None
        else FormattedValue(_percent(rate))
    )


def _row(line: _Line, sides: Sequence[ServerReport | None]) -> ServerRow | None:
    values = [None if side is None else line.value(side) for side in sides]
    if all(value is None for value in values):
        return None
    before, after = (
        formatting.missing(line.why) if value is None else FormattedValue(line.shown(value)) for value in values
    )
    return ServerRow(line.label, before, after, line.meaning)


def _level(name: str) -> Value:
    return lambda told: told.levels.get(name)


def _rate(name: str) -> Value:
    return lambda told: told.counts.get(name)


def _mean(sum_: str, count: str) -> Value:
    def value(told: ServerReport) -> float | None:
        total, times = told.counts.get(sum_), told.counts.get(count)
        return total / times if total is not None and times else None

    return value


def _share(part: str, other: str) -> Value:
    def value(told: ServerReport) -> float | None:
        found, missed = told.counts.get(part), told.counts.get(other)
        return found / (found + missed) if found is not None and missed is not None and found + missed else None

    return value


def _whole(value: float) -> str:
    """A number of things, or the mean of it over legs."""
    return formatting.count(int(value)) if value == int(value) else formatting.number(value)


def _percent(value: float) -> str:
    return f"{formatting.in_percent(value)} %"


def _size(value: float) -> str:
    return formatting.size(int(value))


_DATABASE = (
    _Line("connections, most at once", _level("connections"), _whole, "each takes memory of the server"),
    _Line(
        "sessions at work",
        _level('connections{state="active"}'),
        formatting.number,
        "executing a statement or waiting in one",
    ),
    _Line(
        "sessions idle in a transaction",
        _level('connections{state="idle in transaction"}'),
        formatting.number,
        "hold their locks while the application does something else",
    ),
    _Line("blocked by a lock, most at once", _level("blocked_sessions"), _whole, "wait until another session is done"),
    _Line(
        "pages found in memory", _share("blks_hit", "blks_read"), _percent, "the others had to be asked from the disk"
    ),
    _Line(
        "rows looked at, per second",
        _rate("rows_read"),
        formatting.number,
        "scanned or fetched, whether or not they were needed",
    ),
    _Line("transactions, per second", _rate("commits"), formatting.number),
    _Line("rolled back, per second", _rate("rollbacks"), formatting.number),
    _Line(
        "deadlocks, per second",
        _rate("deadlocks"),
        formatting.number,
        "two sessions waited for each other; one was ended",
    ),
    _Line("written ahead, bytes per second", _rate("wal_bytes"), formatting.number, "the log of all changes (WAL)"),
    _Line("checkpoints in a leg", _rate("checkpoints"), _whole, "all changed pages are written: a burst of disk work"),
    _Line(
        "temporary files, bytes per second",
        _rate("temp_bytes"),
        formatting.number,
        "sorts and joins that did not fit work_mem",
    ),
    _Line("dead rows, most", _level("dead_rows"), _whole, "old versions of rows that a vacuum has to remove"),
    _Line("size of the database", _level("database_bytes"), _size),
)
_TRIGGERS = (
    _Line(
        "calls of trigger functions, per second",
        _rate(TRIGGER_CALLS),
        formatting.number,
        "by the rows and statements that fire them",
    ),
    _Line(
        "time in trigger functions, per second",
        _rate(TRIGGER_MS),
        formatting.milliseconds,
        "part of the time of the statements that fire them, waiting for locks included",
    ),
    _Line(
        "time of a call of a trigger function",
        _mean(TRIGGER_MS, TRIGGER_CALLS),
        formatting.milliseconds,
        why="none was called",
    ),
)
_CACHE = (
    _Line(
        "keys found",
        _share("hits", "misses"),
        _percent,
        "of all keys that were asked for; an answer may ask for several",
    ),
    _Line("keys asked for and found, per second", _rate("hits"), formatting.number),
    _Line("keys asked for in vain, per second", _rate("misses"), formatting.number),
    _Line("memory, most", _level("used_bytes"), _size),
    _Line("keys thrown out for want of memory, per second", _rate("evicted_keys"), formatting.number),
    _Line("commands, per second", _rate("commands"), formatting.number),
    _Line("connections, most at once", _level("clients"), _whole),
    _Line(
        "slow commands, per second", _rate("slow_commands"), formatting.number, "those that the server's SLOWLOG keeps"
    ),
)


def _triggers(sides: Sequence[ServerReport | None]) -> Sequence[_Line]:
    """What trigger functions took, where a database of either arm has any."""
    return _TRIGGERS if any(side is not None and side.levels.get(TRIGGERS) for side in sides) else ()


def _waits(sides: Sequence[ServerReport | None]) -> Iterator[_Line]:
    """What sessions at work waited for, the most frequent first."""
    names = {name for side in sides if side for name in side.levels if name.startswith("waiting{")}
    most = {name: max(side.levels.get(name, 0.0) for side in sides if side) for name in names}
    for name in sorted(names, key=lambda one: (-most[one], one))[:MOST_WAITS]:
        event = name.removeprefix('waiting{for="').removesuffix('"}')
        kind = event.partition(":")[0]
        label = "sessions that wait for nothing" if event == "CPU" else f"sessions waiting for {event}"

        def value(told: ServerReport, name: str = name) -> float:
            return told.levels.get(name, 0.0)

        yield _Line(formatting.plain(label), value, formatting.number, WAITS.get(kind, "waiting inside PostgreSQL"))


def _cost(sides: Sequence[ServerReport | None]) -> str:
    """What reading it cost, in one sentence."""
    said = []
    for arm, side in zip(ARMS, sides, strict=True):
        seconds = side.levels.get("probe_seconds") if side else None
        if side is None or not seconds:
            continue
        own = side.levels.get("probe_cpu_seconds", 0.0) / seconds
        server = side.levels.get("probe_server_ms", 0.0) / 1000 / seconds
        said.append(
            f"{arm} {formatting.in_percent(own)} % of a core here and "
            f"{formatting.in_percent(server)} % of a core of PostgreSQL"
        )
    return f"What reading all this cost: {'; '.join(said)}." if said else ""
