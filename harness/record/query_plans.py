"""Plan tree: how PostgreSQL went about a statement, from ``EXPLAIN`` in JSON; steps of any name are taken in."""

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
    """A step of a plan, with the steps whose rows it takes.

    Attributes:
        kind: as the server calls it, ``Index Scan``.
        relation: the table that it reads or changes.
        index: the index that it uses.
        how: a part of its kind: ``Backward``, ``Hashed``, ``Left``, ``Insert``; empty where there is none.
        rows: that it gave, in all its loops together; estimated ones where it did not run.
        removed: rows that it looked at and left out; 0 where it did not run.
        pages: of 8 kB that it and its parts looked at; ``None`` where it did not run or nobody counted.
        cost: what the server thought of it and its parts, in units of its own.
        on: what it looks for, sorts or groups by, values as ``?``.
        workers: processes that helped it.
        disk: whether it wrote to disk as its memory was too small.
        ran: whether it ran at all.
    """

    kind: str
    relation: str = ""
    index: str = ""
    how: str = ""
    rows: float = 0.0
    removed: float = 0.0
    loops: float = 1.0
    pages: float | None = None
    cost: float = 0.0
    on: str = ""
    workers: int = 0
    disk: bool = False
    ran: bool = True
    parts: tuple["PlanNode", ...] = ()

    def __iter__(self) -> Iterator["PlanNode"]:
        """It and all below it, in the order of the plan."""
        yield self
        for part in self.parts:
            yield from part

    @property
    def reads(self) -> bool:
        """Whether it takes rows out of a table."""
        return self.kind in _SCANS and bool(self.relation)

    @property
    def examined(self) -> float:
        """Rows of tables that it and its parts looked at."""
        return math.fsum(node.rows + node.removed for node in self if node.reads)


@dataclass(frozen=True, slots=True)
class ExplainedStatement:
    """A statement and how the server went about it, the slowest time that was seen.

    Attributes:
        text: on one line, values as ``?``.
        service: whose database it ran in; ``None`` where services have no names.
        ms: what it took, measured as it ran under ``EXPLAIN``; ``None`` where the plan is ``estimated`` only.
        calls: how often its plan was seen.
    """

    fingerprint: str
    text: str
    root: PlanNode
    service: str | None = None
    ms: float | None = None
    calls: int = 1
    estimated: bool = False


def parse_explain(raw: object) -> PlanNode | None:
    """A plan from what ``EXPLAIN (FORMAT JSON)`` or auto_explain says; ``None`` when there is none in it."""
    if isinstance(raw, list):
        raw = raw[0] if raw else None
    if isinstance(raw, Mapping) and isinstance(raw.get("Plan"), Mapping):
        return _node(raw["Plan"], depth=0)
    return None


def without_values(condition: str) -> str:
    """A condition with ``?`` in place of what is looked for."""
    return _NUMBER.sub("?", _TEXT.sub("?", condition))


_DEEPEST = 200
_ON = (
    "Index Cond",
    "Recheck Cond",
    "Hash Cond",
    "Merge Cond",
    "Sort Key",
    "Group Key",
    "TID Cond",
    "Cache Key",
    "Filter",
)


def _node(raw: Mapping[str, Any], depth: int) -> PlanNode:
    loops = _number(raw.get("Actual Loops"), 1.0)
    ran = "Actual Rows" in raw
    each = _number(raw.get("Actual Rows")) if ran else _number(raw.get("Plan Rows"))
    below = raw.get("Plans")
    parts = (
        [part for part in below if isinstance(part, Mapping)] if isinstance(below, list) and depth < _DEEPEST else []
    )
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
