"""Query plans: trees of plan nodes from ``EXPLAIN (FORMAT JSON)``; unknown node types are accepted."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_TEXT = re.compile(r"'(?:[^']|'')*'(?:::\"?[\w ]+\"?(?:\[\])?)?")
_NUMBER = re.compile(r"(?<![\w$\"])-?\d+(?:\.\d+)?\b")
_SCANS = ("Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan", "Tid Scan", "Tid Range Scan", "Sample Scan",
          "Foreign Scan", "Custom Scan")  # fmt: skip


@dataclass(frozen=True, slots=True)
class PlanNode:
    """A node of a query plan, with its children."""

    kind: str  # the node type, ``Index Scan``
    relation: str = ""
    index: str = ""
    how: str = ""  # a variant of its kind: ``Backward``, ``Hashed``, ``Left``, ``Insert``; empty without one
    rows: float = 0.0  # over all loops; the planner's estimate where it was not executed
    removed: float = 0.0  # rows removed by filter; 0 where it was not executed
    loops: float = 1.0
    pages: float | None = None  # buffers (8 kB) of it and its children; ``None`` where not counted
    cost: float = 0.0  # the planner's total cost
    on: str = ""  # its condition, sort key or group key, values as ``?``
    workers: int = 0  # parallel workers
    disk: bool = False  # whether it spilled to disk
    ran: bool = True  # whether it was executed
    parts: tuple["PlanNode", ...] = ()

    def __iter__(self) -> Iterator["PlanNode"]:
        """Itself and all descendants, in plan order."""
        yield self
        for part in self.parts:
            yield from part

    @property
    def reads(self) -> bool:
        return self.kind in _SCANS and bool(self.relation)

    @property
    def examined(self) -> float:
        """Table rows that it and its descendants scanned."""
        return math.fsum(node.rows + node.removed for node in self if node.reads)


@dataclass(frozen=True, slots=True)
class ExplainedStatement:
    """A statement and its slowest observed query plan."""

    fingerprint: str
    text: str  # on one line, values as ``?``
    root: PlanNode
    service: str | None = None  # whose database it ran in; ``None`` where services have no names
    ms: float | None = None  # execution time under ``EXPLAIN``; ``None`` where the plan is only ``estimated``
    calls: int = 1  # how often its plan was recorded
    estimated: bool = False


def parse_explain(raw: object) -> PlanNode | None:
    """A plan from the output of ``EXPLAIN (FORMAT JSON)`` or auto_explain; ``None`` where it has none."""
    if isinstance(raw, list):
        raw = raw[0] if raw else None
    if isinstance(raw, Mapping) and isinstance(raw.get("Plan"), Mapping):
        return _node(raw["Plan"], depth=0)
    return None


def without_values(condition: str) -> str:
    """A condition with ``?`` in place of literals."""
    return _NUMBER.sub("?", _TEXT.sub("?", condition))


_DEEPEST = 200
_ON = ("Index Cond", "Recheck Cond", "Hash Cond", "Merge Cond", "Sort Key", "Group Key", "TID Cond", "Cache Key",
       "Filter")  # fmt: skip


def _node(raw: Mapping[str, Any], depth: int) -> PlanNode:
    loops = _number(raw.get("Actual Loops"), 1.0)
    ran = "Actual Rows" in raw
    each = _number(raw.get("Actual Rows")) if ran else _number(raw.get("Plan Rows"))
    below = raw.get("Plans") if depth < _DEEPEST else None
    parts = [part for part in below if isinstance(part, Mapping)] if isinstance(below, list) else []
    schema = _text(raw.get("Schema"))
    relation = _text(raw.get("Relation Name"))
    return PlanNode(
        kind=_text(raw.get("Node Type")) or "unknown step",
        relation=f"{schema}.{relation}" if schema not in {"", "public"} and relation else relation,
        index=_text(raw.get("Index Name")),
        how=_how(raw),
        rows=each * loops if ran else each,
        removed=loops * sum(_number(value) for key, value in raw.items() if str(key).startswith("Rows Removed by")),
        loops=loops,
        pages=_pages(raw),
        cost=_number(raw.get("Total Cost")),
        on=next((without_values(_listed(raw[key])) for key in _ON if raw.get(key)), ""),
        workers=int(_number(raw.get("Workers Launched", raw.get("Workers Planned")))),
        disk=_text(raw.get("Sort Space Type")) == "Disk" or _number(raw.get("Hash Batches"), 1.0) > 1,
        ran=not ran or loops > 0,
        parts=tuple(_node(part, depth + 1) for part in parts),
    )


def _how(raw: Mapping[str, Any]) -> str:
    for key, quiet in (("Operation", ""), ("Strategy", "Plain"), ("Scan Direction", "Forward"), ("Join Type", "Inner")):
        word = _text(raw.get(key))
        if word and word != quiet:
            return word
    return _text(raw.get("Command")) or _text(raw.get("CTE Name"))


def _pages(raw: Mapping[str, Any]) -> float | None:
    if "Shared Hit Blocks" not in raw:
        return None
    return _number(raw["Shared Hit Blocks"]) + _number(raw.get("Shared Read Blocks"))


def _number(value: object, default: float = 0.0) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return default
    return float(value)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _listed(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
