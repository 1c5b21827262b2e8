"""Bottlenecks: each area with its grade before and after, what was found, and what to do about it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.bottleneck import Area, Found, Grade, Kind
from reports import view

ABOUT = (
    "What would hold the service up next, after the migration. A: nothing found. B: good, something to know. C: to be "
    "mended soon. D: to be mended first. The same limits grade what before had; docs/bottlenecks.md names them."
)
MOST_TEXT = 160
ADVICE = {
    Kind.SLOW: "read its plan below, and give it an index or less to do",
    Kind.REPEATED: "fetch the rows of all in one statement: WHERE … = ANY (…), or a join",
    Kind.MISSES: "cache these answers longer, warm them up at the start, or leave them out of the cache on purpose",
    Kind.CONNECTIONS: "share connections: a pool in each service, or one in front of the database",
    Kind.POOL: "enlarge the pool, or hold connections for a shorter time",
    Kind.BLOCKED: "find who holds the locks: long transactions, and statements that lock whole tables",
    Kind.DEADLOCKS: "let all transactions lock rows in the same order, and try again those that fail",
    Kind.CPU: "spare it work, or give it more cores before there is more load",
    Kind.MEMORY: "bound what it keeps: caches by number and age, answers by pages",
    Kind.GROWTH: "look for what is kept and never dropped; an endurance stage of an hour tells how fast it grows",
    Kind.ALERT: "see the timeline for when, and the areas above for why",
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
    parts = [f"to be mended first: {view.listed(first)}" if first else "", f"soon: {view.listed(soon)}" if soon else ""]
    found = "; ".join(part for part in parts if part) or "nothing that has to be mended"
    counted = f"{better} of {view.plural(len(areas), 'area')} better than before"
    return f"{found[:1].upper()}{found[1:]}. {counted}."


def _row(area: Area) -> AreaRow:
    dash = "\N{EM DASH}"
    return AreaRow(
        name=area.name,
        before=area.before.value if area.before else dash,
        after=area.after.value if area.after else dash,
        word=_word(area),
        found=tuple(FoundRow(found.grade.value, _what(found), _advice(found)) for found in area.found),
    )


def _word(area: Area) -> str:
    if area.after is None:
        return "not measured after"
    if area.before is None or area.before == area.after:
        return "" if area.before is None else "as before"
    return "better" if area.after < area.before else "worse"


def _what(found: Found) -> str:
    return " ".join(_parts(found))


def _parts(found: Found) -> Iterator[str]:
    name, value, of = _short(found.name), found.value, found.of or 0.0
    match found.kind:
        case Kind.SLOW:
            yield f"“{name}” takes {view.milliseconds(of)} in the mean, {view.milliseconds(value)} at its slowest."
        case Kind.REPEATED:
            yield f"{name} runs {view.tidy(value)} times a request"
            yield f"“{_short(found.detail)}”." if found.detail else "a statement."
        case Kind.WHOLE:
            seen = f"the table {name} is read whole, {view.count(round(value))} rows at a time"
            yield f"{seen}, to find {_short(found.detail)}." if found.detail else f"{seen}."
        case Kind.INDEX:
            yield f"the index {name} ({view.size(round(value))}) is {_flaw(found.detail)}."
        case Kind.MISSES:
            yield f"{name} has {view.share(value)} % of all misses; {view.share(of)} % of its look-ups hit."
        case Kind.CONNECTIONS:
            yield f"{view.count(round(value))} connections at once, of {view.count(round(of))} that the server allows."
        case Kind.POOL:
            yield f"{name}: {view.in_percent(value)} % of the pool in use at most."
        case Kind.BLOCKED:
            yield f"{view.plural(round(value), 'session')} waited for a lock at once."
        case Kind.DEADLOCKS:
            yield f"{view.tidy(value)} deadlocks a leg."
        case Kind.CPU:
            yield f"{name} uses {view.in_percent(value)} % of all cores."
        case Kind.MEMORY:
            yield f"{name} uses {view.count(round(value))} MB."
        case Kind.GROWTH:
            yield f"{name} grows by {view.number(value)} MB an hour."
        case Kind.ALERT:
            yield f"{name}: in {view.count(round(value))} of {view.count(round(of))} windows of ten seconds."


def _flaw(detail: str) -> str:
    return {
        "unused": "used by no statement of this workload",
        "duplicate": "a duplicate of another",
        "prefix": "the beginning of another",
    }.get(detail, detail)


def _advice(found: Found) -> str:
    if found.kind is Kind.INDEX:
        drop = f"DROP INDEX CONCURRENTLY {view.plain(found.name)}"
        return f"{drop}, if no other workload needs it" if found.detail == "unused" else drop
    if found.kind is Kind.WHOLE:
        if not found.detail:
            return "ask for fewer of its rows, by a condition that an index can serve"
        return f"CREATE INDEX CONCURRENTLY ON {view.plain(found.name)} ({view.plain(found.detail)})"
    return ADVICE[found.kind]


def _short(text: str) -> str:
    words = " ".join(view.plain(text, keep="\n\t").split())
    return words if len(words) <= MOST_TEXT else f"{words[:MOST_TEXT].rstrip()}…"
