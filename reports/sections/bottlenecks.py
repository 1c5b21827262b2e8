"""Bottlenecks: the grade of each area before and after, its findings and their remedies."""

from collections.abc import Sequence
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
FLAWS = {"unused": "unused in this workload", "duplicate": "a duplicate of another", "prefix": "covered by another"}


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
    value, of = found.value, found.of or 0.0
    whole, whole_of = (formatting.count(round(number)) for number in (value, of))
    percent, ms, plural = formatting.in_percent, formatting.milliseconds, formatting.plural
    columns = f" to find {detail}" if detail else ""
    statement = f"“{detail}”" if detail else "a statement"
    behind = f", behind “{detail}”" if detail else ""
    return {
        BottleneckKind.SLOW_STATEMENT: f"“{name}” averages {ms(of)}, max {ms(value)}.",
        BottleneckKind.N_PLUS_ONE: f"{name} runs {statement} {formatting.tidy(value)} times per request.",
        BottleneckKind.SEQ_SCAN: f"Seq Scan of {name} (reads the whole table, {whole} rows each time){columns}.",
        BottleneckKind.INDEX: f"the index {name} ({formatting.size(round(value))}) is {FLAWS.get(detail, detail)}.",
        BottleneckKind.CACHE_MISSES: (
            f"{name} has {formatting.share(value)} % of all misses; hit rate {formatting.share(of)} %."
        ),
        BottleneckKind.CONNECTIONS: f"peak connections {whole}, max_connections {whole_of}.",
        BottleneckKind.LOCK_WAITS: f"{plural(round(value), 'session')} waited for a lock at peak.",
        BottleneckKind.POOL: f"{name}: {percent(value)} % of the limit in use.",
        BottleneckKind.DEADLOCKS: f"{formatting.tidy(value)} deadlocks per leg.",
        BottleneckKind.DEAD_TUPLES: f"dead tuples of {name}: {whole_of}, {percent(value)} % of its tuples.",
        BottleneckKind.CPU: f"{name} uses {percent(value)} % of all cores.",
        BottleneckKind.MEMORY: f"{name} uses {whole} MB.",
        BottleneckKind.MEMORY_GROWTH: f"{name} grows by {formatting.number(value)} MB/h.",
        BottleneckKind.ALERT: f"{name}: in {whole} of {whole_of} windows of ten seconds.",
        BottleneckKind.STALL: f"{name} stalled for {ms(value)} during the migration{behind}.",
        BottleneckKind.FAILED_REQUESTS: f"{plural(round(value), 'request')} failed during the migration.",
        BottleneckKind.ROLLBACK: "after the rollback the database differs from before.",
    }[found.kind]


def _advice(found: Bottleneck) -> str:
    name, detail = formatting.plain(found.name), formatting.plain(found.detail)
    if found.kind is BottleneckKind.INDEX:
        return f"DROP INDEX CONCURRENTLY {name}{', if no other workload needs it' if detail == 'unused' else ''}"
    if found.kind is BottleneckKind.SEQ_SCAN:
        if not detail:
            return "select fewer rows, by a condition that an index supports"
        return f"CREATE INDEX CONCURRENTLY ON {name} ({detail})"
    return ADVICE[found.kind]
