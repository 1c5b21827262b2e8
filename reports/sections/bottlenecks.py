"""Bottlenecks: the grade of each area before and after, its findings and their remedies."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from harness.evidence.bottlenecks import Area, Bottleneck, BottleneckKind, Grade
from reports import formatting
from reports.formatting import DASH, capitalised

MOST_TEXT = 160
ADVICE = {
    BottleneckKind.SLOW_STATEMENT: "read its query plan below; add an index, or make it read less",
    BottleneckKind.N_PLUS_ONE: "fetch all rows in one statement: WHERE … = ANY (…), or a join",
    BottleneckKind.CACHE_MISSES: "cache these responses longer, warm them at the start, or exclude them from the cache",
    BottleneckKind.CONNECTIONS: "share connections: a pool in each service, or one in front of the database",
    BottleneckKind.POOL: "enlarge the pool, or hold connections for a shorter time",
    BottleneckKind.LOCK_WAITS: "find the holder of the locks: long transactions, and statements that lock whole tables",
    BottleneckKind.DEADLOCKS: "lock rows in the same order in all transactions, and retry those that fail",
    BottleneckKind.DEAD_TUPLES: (
        "vacuum these tables sooner (autovacuum_vacuum_scale_factor), and keep transactions short"
    ),
    BottleneckKind.CPU: "reduce its work, or give it more cores before the load grows",
    BottleneckKind.MEMORY: "limit what it keeps: caches by size and age, responses by paging",
    BottleneckKind.MEMORY_GROWTH: (
        "find objects that are never freed; measure the growth with an endurance stage of an hour"
    ),
    BottleneckKind.STALL: (
        "build indexes CONCURRENTLY, split statements that lock, and set lock_timeout for the migration"
    ),
    BottleneckKind.FAILED_REQUESTS: "see “Migration under load”, and deploy in steps that both releases support",
    BottleneckKind.ROLLBACK: "fix the downgrade: the differences are listed below",
    BottleneckKind.ALERT: "see the timeline for the time, and the areas above for the cause",
}


class FoundRow(NamedTuple):
    """One finding and its remedy."""

    grade: str
    what: str
    advice: str


class AreaRow(NamedTuple):
    """One area: its grades, ``—`` where not measured, and ``word`` for their difference."""

    name: str
    before: str
    after: str
    word: str
    found: tuple[FoundRow, ...]


class Bottlenecks(NamedTuple):
    """All areas, the worst first, and the sentence above them."""

    sentence: str
    rows: tuple[AreaRow, ...]


def bottlenecks(areas: Sequence[Area]) -> Bottlenecks | None:
    """``None`` where nothing was measured."""
    return Bottlenecks(_sentence(areas), tuple(map(_row, areas))) if areas else None


def _sentence(areas: Sequence[Area]) -> str:
    parts = [
        f"{advice}: {formatting.listed(names)}"
        for advice, grade in (("fix first", Grade.D), ("fix soon", Grade.C))
        if (names := [area.name for area in areas if area.after is grade])
    ]
    better = sum(bool(area.before and area.after and area.after < area.before) for area in areas)
    found = "; ".join(parts) or "nothing to fix"
    return f"{capitalised(found)}. {better} of {formatting.plural(len(areas), 'area')} better than before."


def _row(area: Area) -> AreaRow:
    return AreaRow(
        name=area.name,
        before=area.before.value if area.before else DASH,
        after=area.after.value if area.after else DASH,
        word=_word(area),
        found=tuple(
            FoundRow(found.grade.value, capitalised(_what(found)), _advice(found)) for found in area.bottlenecks
        ),
    )


def _word(area: Area) -> str:
    if area.after is None:
        return "not measured after"
    if area.before is None or area.before == area.after:
        return "" if area.before is None else "unchanged"
    return "better" if area.after < area.before else "worse"


def _what(found: Bottleneck) -> str:
    name, detail = (formatting.one_line(text, MOST_TEXT) for text in (found.name, found.detail))
    return SENTENCES[found.kind](name, found.value, found.of or 0.0, detail)


def _rows_scanned(name: str, rows: float, _: float, columns: str) -> str:
    purpose = f" to find {columns}" if columns else ""
    return f"Seq Scan of {name} (reads the whole table, {formatting.count(round(rows))} rows each time){purpose}."


def _misses(name: str, part: float, rate: float, _: str) -> str:
    return f"{name} has {formatting.share(part)} % of all misses; hit rate {formatting.share(rate)} %."


def _connections(_: str, most: float, allowed: float, __: str) -> str:
    return f"peak connections {formatting.count(round(most))}, max_connections {formatting.count(round(allowed))}."


def _stalled(name: str, stall: float, _: float, head: str) -> str:
    behind = f", behind “{head}”" if head else ""
    return f"{name} stalled for {formatting.milliseconds(stall)} during the migration{behind}."


def _fired(name: str, fired: float, windows: float, _: str) -> str:
    return f"{name}: in {formatting.count(round(fired))} of {formatting.count(round(windows))} windows of ten seconds."


SENTENCES: dict[BottleneckKind, Callable[[str, float, float, str], str]] = {
    BottleneckKind.SLOW_STATEMENT: lambda name, slowest, mean, _: (
        f"“{name}” averages {formatting.milliseconds(mean)}, max {formatting.milliseconds(slowest)}."
    ),
    BottleneckKind.N_PLUS_ONE: lambda name, runs, _, text: (
        f"{name} runs {f'“{text}”' if text else 'a statement'} {formatting.tidy(runs)} times per request."
    ),
    BottleneckKind.SEQ_SCAN: _rows_scanned,
    BottleneckKind.INDEX: lambda name, size, _, flaw: (
        f"the index {name} ({formatting.size(round(size))}) is {_flaw(flaw)}."
    ),
    BottleneckKind.CACHE_MISSES: _misses,
    BottleneckKind.CONNECTIONS: _connections,
    BottleneckKind.LOCK_WAITS: lambda _, most, *__: (
        f"{formatting.plural(round(most), 'session')} waited for a lock at peak."
    ),
    BottleneckKind.POOL: lambda name, share, *_: f"{name}: {formatting.in_percent(share)} % of the limit in use.",
    BottleneckKind.DEADLOCKS: lambda _, count, *__: f"{formatting.tidy(count)} deadlocks per leg.",
    BottleneckKind.DEAD_TUPLES: lambda name, share, dead, _: (
        f"dead tuples of {name}: {formatting.count(round(dead))}, {formatting.in_percent(share)} % of its tuples."
    ),
    BottleneckKind.CPU: lambda name, share, *_: f"{name} uses {formatting.in_percent(share)} % of all cores.",
    BottleneckKind.MEMORY: lambda name, size, *_: f"{name} uses {formatting.count(round(size))} MB.",
    BottleneckKind.MEMORY_GROWTH: lambda name, slope, *_: f"{name} grows by {formatting.number(slope)} MB/h.",
    BottleneckKind.ALERT: _fired,
    BottleneckKind.STALL: _stalled,
    BottleneckKind.FAILED_REQUESTS: lambda _, count, *__: (
        f"{formatting.plural(round(count), 'request')} failed during the migration."
    ),
    BottleneckKind.ROLLBACK: lambda *_: "after the rollback the database differs from before.",
}
"""The sentence of a finding from its name, value, reference value and detail."""


def _flaw(detail: str) -> str:
    return {
        "unused": "unused in this workload",
        "duplicate": "a duplicate of another",
        "prefix": "covered by another",
    }.get(detail, detail)


def _advice(found: Bottleneck) -> str:
    name, detail = formatting.plain(found.name), formatting.plain(found.detail)
    if found.kind is BottleneckKind.INDEX:
        return f"DROP INDEX CONCURRENTLY {name}{', if no other workload needs it' if detail == 'unused' else ''}"
    if found.kind is BottleneckKind.SEQ_SCAN:
        if not detail:
            return "select fewer rows, by a condition that an index supports"
        return f"CREATE INDEX CONCURRENTLY ON {name} ({detail})"
    return ADVICE[found.kind]
