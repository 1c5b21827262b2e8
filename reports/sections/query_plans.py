"""Query plans of each statement before and after, in the words of EXPLAIN."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from harness.evidence.catalogue import DatabaseEvidence
from harness.evidence.query_plans import Access, PlanChange, accesses, nearly_equal, node_label
from harness.record.query_plans import ExplainedStatement, PlanNode
from reports import formatting
from reports.formatting import FormattedValue

MOST = 40
"""Statements shown; ``plans.json`` has all."""
LONGEST = 160
SCANS = {
    "Seq Scan": "reads the whole table",
    "Index Scan": "finds rows by index",
    "Index Only Scan": "reads the index alone",
    "Bitmap Heap Scan": "finds blocks by index",
}
"""The nodes of EXPLAIN that read a table, in plain words."""


class QueryPlanSide(NamedTuple):
    """The plan of a statement in one arm, with the buffers and rows that it read."""

    buffers: FormattedValue
    rows: FormattedValue
    tree: str


class QueryPlanRow(NamedTuple):
    """One statement in both arms; ``short`` is its ``text`` cut for a table, ``alone`` the only arm that runs it."""

    alone: str
    short: str
    text: str
    endpoints: str
    words: str
    before: QueryPlanSide
    after: QueryPlanSide


class QueryPlanGroup(NamedTuple):
    """The statements that only one arm runs, of one set of endpoints."""

    endpoints: str
    rows: tuple[QueryPlanRow, ...]


class QueryPlanTable(NamedTuple):
    """Statements with a changed plan, those that only one arm runs, and the number of the others."""

    estimated: bool
    sentence: str
    changed: tuple[QueryPlanRow, ...]
    single: tuple[QueryPlanGroup, ...]
    same: str
    missing: str


def plan_table(findings: DatabaseEvidence | None) -> QueryPlanTable | None:
    """``None`` where no plans are known."""
    if findings is None or not findings.plan_changes:
        return None
    both = [change for change in findings.plan_changes if change.before and change.after]
    changed = [change for change in both if not change.same]
    single = [change for change in findings.plan_changes if not (change.before and change.after)]
    same = [change for change in both if change.same]
    return QueryPlanTable(
        estimated=any(change.either.estimated for change in findings.plan_changes),
        sentence=_sentence(changed, single, same),
        changed=tuple(_row(change, findings) for change in changed[:MOST]),
        single=tuple(_groups([_row(change, findings) for change in single[:MOST]])),
        same=_same(len(same)) if changed or single else "",
        missing=formatting.plain(findings.plans_missing),
    )


def _sentence(changed: Sequence[PlanChange], single: Sequence[PlanChange], same: Sequence[PlanChange]) -> str:
    seq_scans = sum(any(a.sequential for one, _ in change.tables for a in one) for change in changed)
    parts = []
    if changed:
        read = f" ({formatting.count(seq_scans)} had a Seq Scan before)" if seq_scans else ""
        parts.append(f"{formatting.plural(len(changed), 'statement')} with another query plan{read}")
    if single:
        gone, new = sum(not change.after for change in single), sum(not change.before for change in single)
        parts.append(f"{formatting.count(gone)} run only in before, {formatting.count(new)} only in after")
    return f"{'; '.join(parts)}." if parts else _same(len(same))


def _groups(rows: Sequence[QueryPlanRow]) -> Iterator[QueryPlanGroup]:
    """By endpoint, the one with the heaviest statement first; in each, statements of before first."""
    for endpoints in dict.fromkeys(row.endpoints for row in rows):
        own = [row for row in rows if row.endpoints == endpoints]
        ordered = sorted(own, key=lambda row: row.alone == "after")
        yield QueryPlanGroup(endpoints or "other requests", tuple(ordered))


def _same(count: int) -> str:
    return f"{formatting.plural(count, 'statement')} with an unchanged query plan." if count else ""


def words(change: PlanChange) -> str:
    """The change of a plan: ``Seq Scan of t (reads the whole table, 4,000 rows) → Index Scan of t using i; …``."""
    if change.after is None:
        return f"no longer run: {_scans(change.either)}"
    if change.before is None:
        return f"new: {_scans(change.either)}"
    return "; ".join(_differences(change)) or "unchanged"


def _differences(change: PlanChange) -> Iterator[str]:
    for before, after in change.tables:
        yield f"{_listed(before)} {formatting.ARROW} {_listed(after)}"
    for name, (one, other) in (("buffers", change.buffers), ("rows scanned", change.rows_scanned)):
        if one is not None and other is not None and not nearly_equal(one, other):
            yield f"{name} {formatting.tidy(one)} {formatting.ARROW} {formatting.tidy(other)}"
    for nodes, what in ((change.removed, "gone"), (change.added, "new")):
        for node in nodes:
            rows = f" of {_rows(node.rows)}" if node.name in {"sort", "sort on disk"} else ""
            yield f"{node.name}{rows} {what}"


def _listed(found: Sequence[Access]) -> str:
    return formatting.listed([_scan(access) for access in found]) or "no scan"


def _scan(access: Access) -> str:
    scan = f"{access.scan} of {access.relation}{f' using {access.index}' if access.index else ''}"
    rows = f", {_rows(access.rows)}" if access.sequential else ""
    return formatting.plain(f"{scan} ({SCANS[access.scan]}{rows})" if access.scan in SCANS else scan)


def _rows(rows: float) -> str:
    return "1 row" if rows == 1 else f"{formatting.tidy(rows)} rows"


def _scans(explained: ExplainedStatement) -> str:
    return "; ".join(_scan(access) for access in accesses(explained.root)) or "reads no table"


def _row(change: PlanChange, findings: DatabaseEvidence) -> QueryPlanRow:
    either = change.either
    text = formatting.plain(either.text)
    endpoints = findings.endpoints.get((either.service, either.fingerprint), ())
    return QueryPlanRow(
        alone="before" if change.after is None else "after" if change.before is None else "",
        short=formatting.one_line(text, LONGEST),
        text=text,
        endpoints=formatting.plain(", ".join(endpoints)),
        words=words(change) if change.before and change.after else _scans(either),
        before=_side(change.before, change.buffers[0], change.rows_scanned[0]),
        after=_side(change.after, change.buffers[1], change.rows_scanned[1]),
    )


def _side(explained: ExplainedStatement | None, buffers: float | None, rows: float | None) -> QueryPlanSide:
    why = "not known from an estimate" if explained else "not run in this arm"
    tree = "\n".join(plan_tree(explained.root)) if explained else ""
    cells = [formatting.value_or(value, formatting.tidy, why) for value in (buffers, rows)]
    return QueryPlanSide(cells[0], cells[1], tree)


def plan_tree(node: PlanNode, depth: int = 0) -> Iterator[str]:
    """The nodes of a plan, one a line, indented by ``depth``, as EXPLAIN prints them."""
    target = f" of {node.relation}" if node.relation else ""
    using = f" using {node.index}" if node.index else ""
    condition = f" [{formatting.one_line(node.on, LONGEST)}]" if node.on else ""
    counts = [_rows(node.rows) if node.ran else "never executed"]
    if node.removed and node.ran:
        counts.append(f"{formatting.tidy(node.removed)} removed by filter")
    if node.pages is not None:
        counts.append(f"{formatting.tidy(node.pages)} buffers")
    yield "  " * min(depth, 30) + formatting.plain(
        f"{node_label(node)}{target}{using}{condition}  ({', '.join(counts)})"
    )
    for part in node.parts:
        yield from plan_tree(part, depth + 1)
