"""Bottlenecks: each area with its grade before and after, what was found, and what to do about it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.evidence.bottlenecks import Area, Bottleneck, BottleneckKind, Grade
from reports import formatting

ABOUT = (
    "What would hold the service up next, after the migration. A: nothing found. B: good, something to know. C: to be "
    "mended soon. D: to be mended first. The same limits grade what before had; docs/bottlenecks.md names them."
)
MOST_TEXT = 160
ADVICE = {
    BottleneckKind.SLOW_STATEMENT: "read its plan below, and give it an index or less to do",
    BottleneckKind.N_PLUS_ONE: "fetch the rows of all in one statement: WHERE … = ANY (…), or a join",
    BottleneckKind.CACHE_MISSES: (
        "cache these answers longer, warm them up at the start, or leave them out of the cache on purpose"
    ),
    BottleneckKind.CONNECTIONS: "share connections: a pool in each service, or one in front of the database",
    BottleneckKind.POOL: "enlarge the pool, or hold connections for a shorter time",
    BottleneckKind.LOCK_WAITS: "find who holds the locks: long transactions, and statements that lock whole tables",
    BottleneckKind.DEADLOCKS: "let all transactions lock rows in the same order, and try again those that fail",
    BottleneckKind.DEAD_TUPLES: (
        "vacuum what changes much sooner (autovacuum_vacuum_scale_factor), and keep transactions short"
    ),
    BottleneckKind.CPU: "spare it work, or give it more cores before there is more load",
    BottleneckKind.MEMORY: "bound what it keeps: caches by number and age, answers by pages",
    BottleneckKind.MEMORY_GROWTH: (
        "look for what is kept and never dropped; an endurance stage of an hour tells how fast it grows"
    ),
    BottleneckKind.STALL: "build indexes CONCURRENTLY, split what locks, and set lock_timeout for the migration",
    BottleneckKind.FAILED_REQUESTS: (
        "see “What the migration does while it runs”, and deploy in steps that old and new releases stand"
    ),
    BottleneckKind.ROLLBACK: "mend the downgrade: what differs is named below",
    BottleneckKind.ALERT: "see the timeline for when, and the areas above for why",
}


@dataclass(frozen=True, slots=True)
class FoundRow:
    """One thing that was found: what was seen, and what to do."""

    grade: str
    what: str
    advice: str


@dataclass(frozen=True, slots=True)
class AreaRow:
    """One area: its grades, ``—`` where it was not measured, and a word for what they come to."""

    name: str
    before: str
    after: str
    word: str
    found: tuple[FoundRow, ...]


@dataclass(frozen=True, slots=True)
class Bottlenecks:
    """All areas, the worst first, and the sentence above them."""

    sentence: str
    rows: tuple[AreaRow, ...]


def bottlenecks(areas: Sequence[Area]) -> Bottlenecks | None:
    """The section; ``None`` where nothing was measured."""
    if not areas:
        return None
    return Bottlenecks(_sentence(areas), tuple(map(_row, areas)))


def _sentence(areas: Sequence[Area]) -> str:
    first = [area.name for area in areas if area.after is Grade.D]
    soon = [area.name for area in areas if area.after is Grade.C]
    better = sum(bool(area.before and area.after and area.after < area.before) for area in areas)
    parts = [
        f"to be mended first: {formatting.listed(first)}" if first else "",
        f"soon: {formatting.listed(soon)}" if soon else "",
    ]
    found = "; ".join(part for part in parts if part) or "nothing that has to be mended"
    counted = f"{better} of {formatting.plural(len(areas), 'area')} better than before"
    return f"{found[:1].upper()}{found[1:]}. {counted}."


def _row(area: Area) -> AreaRow:
    dash = "\N{EM DASH}"
    return AreaRow(
        name=area.name,
        before=area.before.value if area.before else dash,
        after=area.after.value if area.after else dash,
        word=_word(area),
        found=tuple(FoundRow(found.grade.value, _what(found), _advice(found)) for found in area.bottlenecks),
    )


def _word(area: Area) -> str:
    if area.after is None:
        return "not measured after"
    if area.before is None or area.before == area.after:
        return "" if area.before is None else "as before"
    return "better" if area.after < area.before else "worse"


def _what(found: Bottleneck) -> str:
    return SAID[found.kind](_short(found.name), found.value, found.of or 0.0, _short(found.detail))


def _slow(name: str, slowest: float, mean: float, _: str) -> str:
    return (
        f"“{name}” takes {formatting.milliseconds(mean)} in the mean, "
        f"{formatting.milliseconds(slowest)} at its slowest."
    )


def _repeated(name: str, runs: float, _: float, text: str) -> str:
    return f"{name} runs {formatting.tidy(runs)} times a request {f'“{text}”' if text else 'a statement'}."


def _whole(name: str, rows: float, _: float, columns: str) -> str:
    seen = f"the table {name} is read whole, {formatting.count(round(rows))} rows at a time"
    return f"{seen}, to find {columns}." if columns else f"{seen}."


def _misses(name: str, part: float, rate: float, _: str) -> str:
    return f"{name} has {formatting.share(part)} % of all misses; {formatting.share(rate)} % of its look-ups hit."


def _connections(_: str, most: float, allowed: float, __: str) -> str:
    return (
        f"{formatting.count(round(most))} connections at once, of "
        f"{formatting.count(round(allowed))} that the server allows."
    )


def _stalled(name: str, stall: float, _: float, head: str) -> str:
    behind = f", behind “{head}”" if head else ""
    return f"{name} waited {formatting.milliseconds(stall)} longer than usual while the migration ran{behind}."


def _fired(name: str, fired: float, windows: float, _: str) -> str:
    return f"{name}: in {formatting.count(round(fired))} of {formatting.count(round(windows))} windows of ten seconds."


SAID: dict[BottleneckKind, Callable[[str, float, float, str], str]] = {
    BottleneckKind.SLOW_STATEMENT: _slow,
    BottleneckKind.N_PLUS_ONE: _repeated,
    BottleneckKind.SEQ_SCAN: _whole,
    BottleneckKind.INDEX: lambda name, size, _, flaw: (
        f"the index {name} ({formatting.size(round(size))}) is {_flaw(flaw)}."
    ),
    BottleneckKind.CACHE_MISSES: _misses,
    BottleneckKind.CONNECTIONS: _connections,
    BottleneckKind.LOCK_WAITS: lambda _, most, *__: (
        f"{formatting.plural(round(most), 'session')} waited for a lock at once."
    ),
    BottleneckKind.POOL: lambda name, share, *_: f"{name}: {formatting.in_percent(share)} % of the limit in use.",
    BottleneckKind.DEADLOCKS: lambda _, count, *__: f"{formatting.tidy(count)} deadlocks a leg.",
    BottleneckKind.DEAD_TUPLES: lambda name, share, dead, _: (
        f"{formatting.in_percent(share)} % of the rows of {name} are old versions, "
        f"{formatting.count(round(dead))} of them."
    ),
    BottleneckKind.CPU: lambda name, share, *_: f"{name} uses {formatting.in_percent(share)} % of all cores.",
    BottleneckKind.MEMORY: lambda name, size, *_: f"{name} uses {formatting.count(round(size))} MB.",
    BottleneckKind.MEMORY_GROWTH: lambda name, slope, *_: f"{name} grows by {formatting.number(slope)} MB an hour.",
    BottleneckKind.ALERT: _fired,
    BottleneckKind.STALL: _stalled,
    BottleneckKind.FAILED_REQUESTS: lambda _, count, *__: (
        f"{formatting.plural(round(count), 'request')} failed while the migration ran."
    ),
    BottleneckKind.ROLLBACK: lambda *_: "rolled back, the database is not as it was before.",
}
"""How each kind is said, from its name, value, what that is against, and detail."""


def _flaw(detail: str) -> str:
    return {
        "unused": "used by no statement of this workload",
        "duplicate": "a duplicate of another",
        "prefix": "the beginning of another",
    }.get(detail, detail)


def _advice(found: Bottleneck) -> str:
    if found.kind is BottleneckKind.INDEX:
        drop = f"DROP INDEX CONCURRENTLY {formatting.plain(found.name)}"
        return f"{drop}, if no other workload needs it" if found.detail == "unused" else drop
    if found.kind is BottleneckKind.SEQ_SCAN:
        if not found.detail:
            return "ask for fewer of its rows, by a condition that an index can serve"
        return f"CREATE INDEX CONCURRENTLY ON {formatting.plain(found.name)} ({formatting.plain(found.detail)})"
    return ADVICE[found.kind]


def _short(text: str) -> str:
    words = " ".join(formatting.plain(text, keep="\n\t").split())
    return words if len(words) <= MOST_TEXT else f"{words[:MOST_TEXT].rstrip()}…"
