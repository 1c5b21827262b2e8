"""Plans: how the database finds the rows of each statement, before and after, in words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from harness.evidence.catalogue import DatabaseEvidence
from harness.evidence.query_plans import Access, PlanChange, accesses, nearly_equal, node_label
from harness.record.query_plans import Explained, Node
from reports import formatting
from reports.formatting import FormattedValue

ARROW = "\N{RIGHTWARDS ARROW}"
MOST = 40
"""Statements that are shown; the JSON file has them all."""
LONGEST = 160
ABOUT = (
    "A plan is how PostgreSQL goes about a statement. These are plans of statements that the services really ran, "
    "for some requests of the corpus that were asked while nothing was measured; of each statement the slowest counts. "
    "A page is 8 kB of a table or an index; rows looked at are those that the server read, most of which may not be in "
    "the answer."
)
ESTIMATED = (
    "These plans are estimates: the server was asked how it would go about each statement, whatever its values. What "
    "it really reads is not known."
)
STEPS = {
    "sort on disk": "sort on disk, as memory was too small,",
    "memoize": "memory of earlier look-ups",
    "materialize": "copy of rows to read again",
    "unique": "leaving out of repeats",
    "hash aggregate": "grouping by a hash table",
    "sorted aggregate": "grouping of sorted rows",
    "incremental sort": "sort of what is partly sorted",
    "result of WITH": "reading of a WITH part",
}


@dataclass(frozen=True, slots=True)
class QueryPlanRow:
    """One statement in both arms; ``text`` is whole, ``short`` fits a table, ``alone`` is the only arm that runs it."""

    alone: str
    short: str
    text: str
    endpoints: str
    words: str
    pages_before: FormattedValue
    pages_after: FormattedValue
    rows_before: FormattedValue
    rows_after: FormattedValue
    tree_before: str
    tree_after: str


@dataclass(frozen=True, slots=True)
class QueryPlanGroup:
    """The statements of one arm alone that an endpoint, or several, ran: what came in place of what."""

    endpoints: str
    rows: tuple[QueryPlanRow, ...]


@dataclass(frozen=True, slots=True)
class QueryPlanTable:
    """How rows are found: statements with another plan, those of one arm alone; of the others how many there are."""

    about: str
    sentence: str
    changed: tuple[QueryPlanRow, ...]
    single: tuple[QueryPlanGroup, ...]
    same: str
    missing: str


def plan_table(findings: DatabaseEvidence | None) -> QueryPlanTable | None:
    """The plans in strings; ``None`` where none are known."""
    if findings is None or not findings.plan_changes:
        return None
    both = [change for change in findings.plan_changes if change.before and change.after]
    changed = [change for change in both if not change.same]
    single = [change for change in findings.plan_changes if not (change.before and change.after)]
    estimated = any(change.either.estimated for change in findings.plan_changes)
    same = [change for change in both if change.same]
    return QueryPlanTable(
        about=ESTIMATED if estimated else ABOUT,
        sentence=_sentence(changed, single, same),
        changed=tuple(_row(change, findings) for change in changed[:MOST]),
        single=tuple(_groups([_row(change, findings) for change in single[:MOST]])),
        same=_same(len(same)) if changed or single else "",
        missing=formatting.plain(findings.plans_missing),
    )


def _sentence(changed: Sequence[PlanChange], single: Sequence[PlanChange], same: Sequence[PlanChange]) -> str:
    """What became of the statements, in one sentence."""
    whole = sum(any(a.sequential for one, _ in change.tables for a in one) for change in changed)
    parts = []
    if len(changed) == 1:
        read = ": before, it read a whole table" if whole else ""
        parts.append(f"1 statement finds its rows in another way{read}")
    elif changed:
        read = f": before, {formatting.count(whole)} of them read a whole table" if whole else ""
        parts.append(f"{formatting.plural(len(changed), 'statement')} find their rows in another way{read}")
    gone, new = sum(not change.after for change in single), sum(not change.before for change in single)
    if single:
        is_of = "is" if gone == 1 else "are"
        parts.append(
            f"{formatting.plural(gone, 'statement')} {is_of} of before alone and {formatting.count(new)} of after alone"
        )
    return f"{'; '.join(parts)}." if parts else _same(len(same))


def _groups(rows: Sequence[QueryPlanRow]) -> Iterator[QueryPlanGroup]:
    """By endpoint, the one with the heaviest statement first; in each before comes before after."""
    for endpoints in dict.fromkeys(row.endpoints for row in rows):
        own = [row for row in rows if row.endpoints == endpoints]
        ordered = sorted(own, key=lambda row: row.alone == "after")
        yield QueryPlanGroup(endpoints or "other requests", tuple(ordered))


def _same(count: int) -> str:
    if count == 1:
        return "1 statement finds its rows as before."
    return f"{formatting.plural(count, 'statement')} find their rows as before." if count else ""


def words(change: PlanChange) -> str:
    """How a statement is gone about in both arms: ``reads t whole (4,000 rows) → finds rows of t by index i; …``."""
    if change.after is None:
        return f"not run any more: {_arm(change.either)}"
    if change.before is None:
        return f"new: {_arm(change.either)}"
    return "; ".join(_differences(change)) or "as before"


def _differences(change: PlanChange) -> Iterator[str]:
    for before, after in change.tables:
        relation = (before or after)[0].relation
        yield f"{_ways(before, relation)} {ARROW} {_ways(after, relation)}"
    for name, (one, other) in (("pages", change.buffers), ("rows examined", change.rows_scanned)):
        if one is not None and other is not None and not nearly_equal(one, other):
            yield f"{name} {formatting.tidy(one)} {ARROW} {formatting.tidy(other)}"
    for steps, what in ((change.removed, "gone"), (change.added, "new")):
        for step in steps:
            rows = f" of {_rows(step.rows)}" if step.name in {"sort", "sort on disk"} else ""
            yield f"{STEPS.get(step.name, step.name)}{rows} {what}"


def _ways(found: Sequence[Access], relation: str) -> str:
    return formatting.listed([_way(access) for access in found]) or f"does not read {formatting.plain(relation)}"


def _way(access: Access) -> str:
    relation, index = formatting.plain(access.relation), formatting.plain(access.index)
    match access.scan:
        case "Seq Scan":
            return f"reads {relation} whole ({_rows(access.rows)})"
        case "Index Scan":
            return f"finds rows of {relation} by index {index}"
        case "Index Only Scan":
            return f"reads index {index} of {relation} alone"
        case "Bitmap Heap Scan":
            return f"finds pages of {relation} by index {index}"
        case other:
            return f"reads {relation} by {formatting.plain(other)}"


def _rows(rows: float) -> str:
    return "1 row" if rows == 1 else f"{formatting.tidy(rows)} rows"


def _arm(explained: Explained) -> str:
    found = [_way(access) for access in accesses(explained.root)]
    return "; ".join(found) or "reads no table"


def _row(change: PlanChange, findings: DatabaseEvidence) -> QueryPlanRow:
    either = change.either
    text = formatting.plain(either.text)
    endpoints = findings.endpoints.get((either.service, either.fingerprint), ())
    why = "the arm does not run the statement"
    unread = "an estimate tells of no pages"
    pages = [
        formatting.missing(why if arm is None else unread) if pages is None else FormattedValue(formatting.tidy(pages))
        for arm, pages in zip((change.before, change.after), change.buffers, strict=True)
    ]
    rows = [
        formatting.missing(why if arm is None else "an estimate tells of no rows that were looked at")
        if rows is None
        else FormattedValue(formatting.tidy(rows))
        for arm, rows in zip((change.before, change.after), change.rows_scanned, strict=True)
    ]
    trees = ["\n".join(_tree(arm.root)) if arm else "" for arm in (change.before, change.after)]
    return QueryPlanRow(
        "before" if change.after is None else "after" if change.before is None else "",
        text if len(text) <= LONGEST else f"{text[: LONGEST - 2]} {formatting.ELLIPSIS}",
        text,
        formatting.plain(", ".join(endpoints)),
        words(change) if change.before and change.after else _arm(either),
        *(pages[0], pages[1], rows[0], rows[1]),
        *(trees[0], trees[1]),
    )


def _tree(node: Node, depth: int = 0) -> Iterator[str]:
    """A plan as indented lines, at most so deep as a page is wide."""
    parts = [node_label(node)]
    if node.relation:
        parts.append(f"of {node.relation}" if node.index else node.relation)
    if node.index:
        parts.append(f"by {node.index}")
    if node.on:
        parts.append(f"[{node.on if len(node.on) <= LONGEST else node.on[: LONGEST - 2] + ' ' + formatting.ELLIPSIS}]")
    said = f"{_rows(node.rows)}" if node.ran else "never run"
    if node.removed and node.ran:
        said += f", {formatting.tidy(node.removed)} left out"
    if node.pages is not None:
        said += f", {formatting.tidy(node.pages)} pages"
    yield "  " * min(depth, 30) + formatting.plain(" ".join(parts)) + f"  ({said})"
    for part in node.parts:
        yield from _tree(part, depth + 1)


def plans_record(findings: DatabaseEvidence) -> dict[str, Any]:
    """``plans.json``: each statement with its plan in both arms, in words and in numbers."""
    return {
        "schema": 1,
        "missing": findings.plans_missing,
        "statements": [_statement(change, findings) for change in findings.plan_changes],
    }


def _statement(change: PlanChange, findings: DatabaseEvidence) -> dict[str, Any]:
    either = change.either
    return {
        "fingerprint": either.fingerprint,
        "service": either.service,
        "statement": either.text,
        "endpoints": list(findings.endpoints.get((either.service, either.fingerprint), ())),
        "same": change.same,
        "estimated": either.estimated,
        "words": words(change),
        "before": _explained(change.before),
        "after": _explained(change.after),
    }


def _explained(explained: Explained | None) -> dict[str, Any] | None:
    if explained is None:
        return None
    return {
        "ms": explained.ms,
        "calls": explained.calls,
        "pages": explained.root.pages,
        "rows_examined": None if explained.estimated else explained.root.examined,
        "cost": explained.root.cost,
        "tables": [
            {"table": one.relation, "way": one.scan, "index": one.index or None, "rows": one.rows}
            for one in accesses(explained.root)
        ],
        "plan": list(_tree(explained.root)),
    }
