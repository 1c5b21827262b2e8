"""Differences between two responses: a JSON path, the value before, the value after."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, zip_longest
from typing import Any

from harness.record.answers import Number, parsed, quoted

MAX_DIFFERENCES = 3
MAX_CHARACTERS = 80
CONTEXT = 30
ABSENT = "nothing"
MISSING = object()  # in place of a value that a response lacks


@dataclass(frozen=True, slots=True)
class AnswerDifference:
    """One difference; ``where`` is a JSON path, ``$.items[2].title``, or the name of a part of the response."""

    where: str
    before: str
    after: str


def differences_between(before: str, after: str, *, in_any_order: bool = False) -> tuple[AnswerDifference, ...]:
    """The first differences of two responses in canonical form, at most ``MAX_DIFFERENCES``."""
    try:
        pair = parsed(before), parsed(after)
    except (ValueError, RecursionError):
        return _of_texts(before, after)
    found = _of_values("$", *pair, in_any_order=in_any_order)
    return tuple(islice(found, MAX_DIFFERENCES))


def _of_values(where: str, before: Any, after: Any, *, in_any_order: bool) -> Iterator[AnswerDifference]:  # noqa: ANN401
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            place = f"{where}.{key}" if key.isidentifier() else f"{where}[{quoted(key)}]"
            yield from _of_values(place, before.get(key, MISSING), after.get(key, MISSING), in_any_order=in_any_order)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _of_lists(where, before, after, in_any_order=in_any_order)
    elif _dumped(before) != _dumped(after):
        yield AnswerDifference(where, _short(before), _short(after))


def _of_lists(where: str, before: list[Any], after: list[Any], *, in_any_order: bool) -> Iterator[AnswerDifference]:
    if len(before) != len(after):
        yield AnswerDifference(f"{where}.length", str(len(before)), str(len(after)))
    if in_any_order:
        yield from _of_bags(where, before, after)
        return
    for index, (one, other) in enumerate(zip_longest(before, after, fillvalue=MISSING)):
        yield from _of_values(f"{where}[{index}]", one, other, in_any_order=False)


def _of_bags(where: str, before: list[Any], after: list[Any]) -> Iterator[AnswerDifference]:
    """Items of only one list; where each list has one such item, the differences between these two."""
    counts = [Counter(map(_dumped, items)) for items in (before, after)]
    gone, new = (list((one - other).elements()) for one, other in (counts, counts[::-1]))
    if len(gone) == len(new) == 1:
        yield from _of_values(f"{where}[*]", parsed(gone[0]), parsed(new[0]), in_any_order=True)
        return
    yield from (AnswerDifference(f"{where}[*]", cut(item), ABSENT) for item in gone)
    yield from (AnswerDifference(f"{where}[*]", ABSENT, cut(item)) for item in new)


def _of_texts(before: str, after: str) -> tuple[AnswerDifference, ...]:
    """The first position where two texts differ."""
    if before == after:
        return ()
    shared = next((i for i, (one, other) in enumerate(zip(before, after, strict=False)) if one != other), None)
    place = min(len(before), len(after)) if shared is None else shared
    start = max(place - CONTEXT, 0)
    shown = (cut(text[start:], lead="…" if start else "") or ABSENT for text in (before, after))
    return (AnswerDifference(f"character {place + 1:,}", *shown),)


def _short(value: Any) -> str:  # noqa: ANN401 - whatever JSON can say
    return cut(_dumped(value))


def cut(text: str, lead: str = "") -> str:
    """At most ``MAX_CHARACTERS`` of a text, after ``lead``."""
    text = lead + text
    return text if len(text) <= MAX_CHARACTERS else f"{text[: MAX_CHARACTERS - 1]}…"


def _dumped(value: Any) -> str:  # noqa: ANN401
    match value:
        case dict():
            return "{" + ",".join(f"{quoted(key)}:{_dumped(inner)}" for key, inner in sorted(value.items())) + "}"
        case list():
            return "[" + ",".join(map(_dumped, value)) + "]"
        case Number():
            return value
        case str():
            return quoted(value)
        case _:
            return {None: "null", True: "true", False: "false", MISSING: ABSENT}[value]
