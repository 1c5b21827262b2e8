"""Differences between the query plans of two releases for the same statement."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from harness.record.query_plans import ExplainedStatement, PlanNode

NEARLY_EQUAL = 0.05  # relative difference of buffers or rows that is ignored
AGGREGATES = {"Hashed": "hash aggregate", "Mixed": "hash aggregate", "Sorted": "sorted aggregate"}
NAMED_IN_LOWER_CASE = {"Incremental Sort", "Memoize", "Materialize", "Unique", "Nested Loop", "Hash Join", "Merge Join"}
_MEANINGS = {
    "Seq Scan": "reads the whole table",
    "Index Scan": "finds rows by index",
    "Index Only Scan": "reads the index alone",
    "Bitmap Heap Scan": "reads the blocks found by index",
    "Bitmap Index Scan": "collects row positions from an index",
    "Incremental Sort": "sorts partly sorted rows",
    "Nested Loop": "one lookup per row",
    "Hash Join": "matches rows by a hash table",
    "Merge Join": "matches sorted rows",
    "Hash": "builds a hash table",
    "Aggregate": "groups or counts",
    "ModifyTable": "changes rows",
    "Memoize": "caches results",
    "Materialize": "keeps rows for rereading",
    "CTE Scan": "reads the result of WITH",
    "Gather": "collects from parallel workers",
    "Gather Merge": "collects from parallel workers, in order",
}


@dataclass(frozen=True, slots=True)
class Access:
    """How a table is read: ``scan`` is the plan node, ``rows`` the rows that it scanned."""

    relation: str
    scan: str
    index: str
    rows: float

    @property
    def sequential(self) -> bool:
        return self.scan == "Seq Scan"


@dataclass(frozen=True, slots=True)
class PlanOperation:
    """A plan node that reads no table, such as ``sort`` or ``hash join``, and its rows."""

    name: str
    rows: float


@dataclass(frozen=True, slots=True)
class PlanChange:
    """The plans of a statement in both arms; ``None`` in an arm that does not run it.

    ``tables``: scans of before and of after, of tables whose scans differ.
    """

    before: ExplainedStatement | None
    after: ExplainedStatement | None
    tables: tuple[tuple[tuple[Access, ...], tuple[Access, ...]], ...] = ()
    removed: tuple[PlanOperation, ...] = ()  # operations of before that after lacks
    added: tuple[PlanOperation, ...] = ()  # operations of after that before lacks

    @property
    def either(self) -> ExplainedStatement:
        found = self.after or self.before
        assert found  # noqa: S101 - one of them is there
        return found

    @property
    def same(self) -> bool:
        """Whether both arms run the statement with the same scans and operations."""
        return bool(self.before and self.after) and not (self.tables or self.removed or self.added)

    @property
    def buffers(self) -> tuple[float | None, float | None]:
        """Buffers (8 kB blocks) in both arms; ``None`` where unknown."""
        before, after = (plan.root.pages if plan else None for plan in (self.before, self.after))
        return before, after

    @property
    def rows_scanned(self) -> tuple[float | None, float | None]:
        """Rows scanned in both arms; ``None`` for estimated plans, which only know rows returned."""
        both = (self.before, self.after)
        before, after = (plan.root.examined if plan and not plan.estimated else None for plan in both)
        return before, after

    @property
    def weight(self) -> float:
        """Buffers times calls, in the arm where they are more."""
        return max((one.root.pages or 0.0) * one.calls for one in (self.before, self.after) if one)


def plan_changes(before: Sequence[ExplainedStatement], after: Sequence[ExplainedStatement]) -> list[PlanChange]:
    """The statements that read tables, in both arms: changed plans by weight, then those of one arm, then the rest."""
    one, other = (
        {(plan.service, plan.fingerprint): plan for plan in plans if any(node.relation for node in plan.root)}
        for plans in (before, after)
    )
    found = [plan_change_of(one.get(place), other.get(place)) for place in dict.fromkeys([*one, *other])]

    def rank(change: PlanChange) -> tuple[int, float, str]:
        both = bool(change.before and change.after)
        return (0 if both and not change.same else 1 if not both else 2), -change.weight, change.either.fingerprint

    return sorted(found, key=rank)


def plan_change_of(before: ExplainedStatement | None, after: ExplainedStatement | None) -> PlanChange:
    """The change of the plan of one statement."""
    if before is None or after is None:
        return PlanChange(before, after)
    mine, its = accesses(before.root), accesses(after.root)
    tables = []
    for relation in dict.fromkeys(access.relation for access in (*mine, *its)):
        one, other = (tuple(a for a in side if a.relation == relation) for side in (mine, its))
        if {(a.scan, a.index) for a in one} != {(a.scan, a.index) for a in other}:
            tables.append((one, other))
    left, right = operations(before.root), operations(after.root)
    gone = tuple(step for step in left if step.name not in {other.name for other in right})
    new = tuple(step for step in right if step.name not in {other.name for other in left})
    return PlanChange(before, after, tuple(tables), gone, new)


def accesses(root: PlanNode) -> tuple[Access, ...]:
    """How each table of a plan is read, equal scans summed, without nodes that never ran."""
    found: dict[tuple[str, str, str], float] = {}
    for node in root:
        if node.reads and (node.ran or not root.ran):
            below = sorted({part.index for part in node if part.index and not part.reads})
            key = node.relation, node.kind, node.index or " and ".join(below)
            found[key] = found.get(key, 0.0) + node.rows + node.removed
    return tuple(Access(*key, rows) for key, rows in found.items())


def operations(root: PlanNode) -> tuple[PlanOperation, ...]:
    """The nodes of a plan that read no table, equal ones summed, with the rows that they return."""
    rows: Counter[str] = Counter()
    for node in root:
        if (name := _operation(node)) and (node.ran or not root.ran):
            rows[name] += node.rows  # type: ignore[assignment] # rows in all loops, as floats
    return tuple(PlanOperation(name, float(count)) for name, count in rows.items())


def _operation(node: PlanNode) -> str:
    match node.kind:
        case "Sort":
            return "sort on disk" if node.disk else "sort"
        case "Aggregate":
            return AGGREGATES.get(node.how, "")
        case "Gather" | "Gather Merge":
            return "parallel workers"
        case "CTE Scan":
            return "result of WITH"
    return node.kind.lower() if node.kind in NAMED_IN_LOWER_CASE else ""


def node_label(node: PlanNode) -> str:
    """A plan node as ``EXPLAIN`` names it, with its meaning in plain words where there is one."""
    if node.kind == "ModifyTable" and node.how:
        return node.how
    meaning = _MEANINGS.get(node.kind)
    return f"{node.kind} ({meaning})" if meaning else node.kind


def nearly_equal(before: float, after: float) -> bool:
    """Whether two numbers differ by no more than ``NEARLY_EQUAL``."""
    return abs(after - before) <= NEARLY_EQUAL * max(before, after)
