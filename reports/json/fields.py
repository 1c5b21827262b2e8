"""Values of a result as JSON: not rounded, null where missing or not finite."""

import json
import math
from dataclasses import asdict, is_dataclass
from enum import Enum
from operator import attrgetter
from typing import Any

from harness.analysis.change import Change
from harness.statistics.intervals import Interval

SCHEMA = 1
LEG = ("block=leg.block", "arm=leg.arm")


def fields(source: object, *names: str) -> dict[str, Any]:
    """Attributes of an object: ``name`` where the key is the same, else ``key=attribute`` or ``key=path.to.it``."""
    parts = (name.partition("=") for name in names)
    return {key: plain_value(attrgetter(path or key)(source)) for key, _, path in parts}


def plain_value(value: object) -> Any:  # noqa: ANN401 - any JSON value
    """A value of the product in the types of JSON."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case Interval():
            return fields(value, "low", "high")
        case Change():
            ratio, difference = (value.value, None) if value.scale == "ratio" else (None, value.value)
            sizes = {"ratio": plain_value(ratio), "difference": plain_value(difference)}
            return {"scale": value.scale, **sizes, **fields(value, "low", "high", "p", "worst")}
        case Enum():
            return value.value
        case tuple():
            return [plain_value(item) for item in value]
        case _:
            return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def to_json(record: dict[str, Any]) -> str:
    """A record as JSON with a line per item of its lists, so that two runs can be compared by line.

    Raises:
        ValueError: for a number that is not finite.
    """
    parts = []
    for key, value in record.items():
        if isinstance(value, list) and value:
            items = ",\n".join(f"    {_dumps(item)}" for item in value)
            parts.append(f"  {_dumps(key)}: [\n{items}\n  ]")
        else:
            parts.append(f"  {_dumps(key)}: {_dumps(value)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
