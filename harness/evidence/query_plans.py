"""Plan difference: in words, how two releases of a service have the same statement answered."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from harness.record.query_plans import Explained, Node

ALIKE = 0.05
"""Pages or rows that differ by a smaller part are as good as the same."""
_JOINS = {"Nested Loop": "nested loop", "Hash Join": "hash join", "Merge Join": "merge join"}
_NAMES = {
    "Seq Scan": "read whole",
    "Index Scan": "find rows by index",
    "Index Only Scan": "read index alone",
    "Bitmap Heap Scan": "find pages by index, then read them",
    "Bitmap Index Scan": "collect places from index",
    "BitmapAnd": "places that are in all",
    "BitmapOr": "places that are in any",
    "Sort": "sort",
    "Incremental Sort": "sort what is partly sorted",
    "Nested Loop": "for each row look up",
    "Hash Join": "match by a hash table",
    "Merge Join": "match by walking through both in order",
    "Hash": "build a hash table",
    "Aggregate": "group or count",
    "GroupAggregate": "group",
    "WindowAgg": "number or total over windows",
    "Group": "group",
    "Unique": "leave out repeats",
    "Limit": "stop at the limit",
    "ModifyTable": "change rows",
    "Append": "one after the other",
    "Merge Append": "several in one order",
    "Memoize": "remember answers",
    "Materialize": "keep rows for reading again",
    "CTE Scan": "read the result of WITH",
    "Subquery Scan": "read a subquery",
    "Gather": "gather from parallel processes",
    "Gather Merge": "gather from parallel processes in order",
    "Function Scan": "rows of a function",
    "Values Scan": "rows of a list",
    "LockRows": "lock rows",
    "Result": "result",
    "SetOp": "compare sets",
    "Recursive Union": "repeat until nothing new",
}


@dataclass(frozen=True, slots=True)
class Access:
    """How a table is read: ``scan`` is the kind of step, ``index`` the one that is used."""

    relation: str
    scan: str
    index: str
    rows: float

    @property
    def sequential(self) -> bool:
        """Whether all of the table is read."""
        return self.scan == "Seq Scan"


@dataclass(frozen=True, slots=True)
class PlanOperation:
    """Something a plan does beside reading tables, and to how many rows: ``sort``, ``hash join``."""

    name: str
    rows: float


@dataclass(frozen=True, slots=True)
class PlanChange:
    """How a statement is answered in both arms; an arm that does not have it is ``None``.

    Attributes:
        tables: ways that differ, of before and of after.
        removed: steps of before that after does without; ``added``: the other way round.
    """

    before: Explained | None
    after: Explained | None
    tables: tuple[tuple[tuple[Access, ...], tuple[Access, ...]], ...] = ()
    removed: tuple[PlanOperation, ...] = ()
    added: tuple[PlanOperation, ...] = ()

    @property
    def either(self) -> Explained:
        """That of after, where it has one."""
        found = self.after or self.before
        assert found  # noqa: S101 - one of them is there
        return found

    @property
    def same(self) -> bool:
        """Whether both arms have the statement and go about it alike."""
        return bool(self.before and self.after) and not (self.tables or self.removed or self.added)

    @property
    def buffers(self) -> tuple[float | None, float | None]:
        """Pages of 8 kB in both arms, as far as they are known."""
        return _pages(self.before), _pages(self.after)

    @property
    def rows_scanned(self) -> tuple[float | None, float | None]:
        """Rows of tables that were looked at in both arms; estimated ones are rows that come out, and not told here."""
        return _examined(self.before), _examined(self.after)

    @property
    def weight(self) -> float:
        """How much it matters: the pages that it looks at in the arm in which these are more, times its calls."""
        pages = [
            (page or 0.0) * one.calls for one, page in zip((self.before, self.after), self.buffers, strict=True) if one
        ]
        return max(pages, default=0.0)


def plan_changes(before: Sequence[Explained], after: Sequence[Explained]) -> list[PlanChange]:
    """The statements of both arms side by side: changed plans first, heaviest first, then those of one arm alone.

    Those that touch no table are left out.
    """
    one, other = (
        {(plan.service, plan.fingerprint): plan for plan in plans if any(node.relation for node in plan.root)}
        for plans in (before, after)
    )
    found = [plan_change_of(one.get(place), other.get(place)) for place in dict.fromkeys([*one, *other])]

    def rank(change: PlanChange) -> tuple[int, float, str]:
        both = bool(change.before and change.after)
        return (0 if both and not change.same else 1 if not both else 2), -change.weight, change.either.fingerprint

    return sorted(found, key=rank)


def plan_change_of(before: Explained | None, after: Explained | None) -> PlanChange:
    """One statement in both arms."""
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


def accesses(root: Node) -> tuple[Access, ...]:
    """How each table of a plan is read, equal ways together; parts of a plan that never ran are left out."""
    found: dict[tuple[str, str, str], float] = {}
    for node in root:
        if node.reads and (node.ran or not root.ran):
            indexes = (
                [node.index] if node.index else sorted({part.index for part in node if part.index and not part.reads})
            )
            key = node.relation, node.kind, " and ".join(indexes)
            found[key] = found.get(key, 0.0) + node.rows + node.removed
    return tuple(Access(*key, rows) for key, rows in found.items())


def operations(root: Node) -> tuple[PlanOperation, ...]:
    """What a plan does beside reading tables, equal steps together, and the rows that come out of them."""
    rows: Counter[str] = Counter()
    for node in root:
        if (name := _step(node)) and (node.ran or not root.ran):
            rows[name] += node.rows  # type: ignore[assignment] # rows in all loops, as floats
    return tuple(PlanOperation(name, float(count)) for name, count in rows.items())


def _step(node: Node) -> str:
    if node.kind == "Sort":
        return "sort on disk" if node.disk else "sort"
    if node.kind in {"Incremental Sort", "Memoize", "Materialize", "Unique"}:
        return node.kind.lower()
    if node.kind == "Aggregate":
        return {"Hashed": "hash aggregate", "Mixed": "hash aggregate", "Sorted": "sorted aggregate"}.get(node.how, "")
    if node.kind in {"Gather", "Gather Merge"}:
        return "parallel processes"
    if node.kind == "CTE Scan":
        return "result of WITH"
    return _JOINS.get(node.kind, "")


def node_label(node: Node) -> str:
    """What a step does, in words; a kind that is not known goes by its own name."""
    if node.kind == "ModifyTable":
        return {"Insert": "insert rows", "Update": "update rows", "Delete": "delete rows", "Merge": "merge rows"}.get(
            node.how, "change rows"
        )
    return _NAMES.get(node.kind, node.kind)


def nearly_equal(before: float, after: float) -> bool:
    """Whether two numbers are as good as the same."""
    return abs(after - before) <= ALIKE * max(before, after)


def _pages(explained: Explained | None) -> float | None:
    return explained.root.pages if explained else None


def _examined(explained: Explained | None) -> float | None:
    return explained.root.examined if explained and not explained.estimated else None
