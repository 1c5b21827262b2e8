"""Work: what a request to each endpoint costs the database, before and after."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.analysis.request_cost import CostDifference, RequestCost
from harness.evidence.n_plus_one import RepeatedStatement
from harness.plan.model import ARMS
from harness.record.cache_keys import KeyUse
from reports import formatting
from reports.formatting import FormattedValue

ABOUT = (
    "Before the load each arm was asked the same requests one after the other, and the counters of its database were "
    "read around each: this is exact, and no other request is in it. Per request that no cache answered. Pages are the "
    "8 kB blocks that the database looked at, in memory or not; write-ahead log is what it wrote to be safe; found in "
    "Redis are the keys looked up there, of all requests."
)
HEADS = ("statements", "rows", "pages", "write-ahead log", "time in the database", "found in Redis")
MOST_TEXT = 70
NOT_ASKED = "no request to it that no cache answered was among those asked"


@dataclass(frozen=True, slots=True)
class WorkRow:
    """One endpoint in both arms; ``note`` says what is repeated for each row."""

    endpoint: str
    asked: str
    before: tuple[FormattedValue, ...]
    after: tuple[FormattedValue, ...]
    change: tuple[str, ...]
    note: str


def work_rows(
    tolls: Mapping[str, Mapping[str, RequestCost]], repeated: Mapping[str, Mapping[str, RepeatedStatement]]
) -> tuple[WorkRow, ...]:
    """Every endpoint that was asked in either arm, in the order of the alphabet."""
    before, after = (tolls.get(arm, {}) for arm in ARMS)
    return tuple(_row(name, before.get(name), after.get(name), repeated) for name in sorted({*before, *after}))


@dataclass(frozen=True, slots=True)
class KeyRow:
    """Keys of one pattern: how often asked for, and the share that was there, before and after."""

    pattern: str
    asked: tuple[FormattedValue, FormattedValue]
    found: tuple[FormattedValue, FormattedValue]


def key_rows(keys: Mapping[str, Sequence[KeyUse]]) -> tuple[KeyRow, ...]:
    """The patterns of keys that either arm asked its cache for, those with most misses of after first."""
    before, after = ({use.pattern: use for use in keys.get(arm, ())} for arm in ARMS)
    return tuple(_key_row(name, before.get(name), after.get(name)) for name in dict.fromkeys([*after, *before]))


def _key_row(pattern: str, before: KeyUse | None, after: KeyUse | None) -> KeyRow:
    none = formatting.missing("not asked for")
    sides = (before, after)
    asked = [FormattedValue(formatting.count(use.reads)) if use else none for use in sides]
    found = [FormattedValue(formatting.in_percent(1 - use.misses / use.reads)) if use else none for use in sides]
    return KeyRow(formatting.plain(pattern), (asked[0], asked[1]), (found[0], found[1]))


def equal_sentence(apart: CostDifference | None) -> str:
    """How far apart before and its copy are; empty where no copy was asked."""
    if apart is None:
        return ""
    if apart.share == 0:
        return "Before and its copy cost exactly the same."
    where = f"{apart.what} of {formatting.plain(apart.endpoint)}"
    return f"Before and its copy differ by at most {formatting.in_percent(apart.share)} % ({where})."


def _row(
    endpoint: str,
    before: RequestCost | None,
    after: RequestCost | None,
    repeated: Mapping[str, Mapping[str, RepeatedStatement]],
) -> WorkRow:
    sides = [_values(toll) for toll in (before, after)]
    changes = (_change(one, other) for one, other in zip(*sides, strict=True))
    return WorkRow(
        endpoint=formatting.plain(endpoint),
        asked=" / ".join(formatting.count(toll.requests) if toll else "0" for toll in (before, after)),
        before=tuple(_cells(before)),
        after=tuple(_cells(after)),
        change=tuple(changes),
        note=" ".join(_notes(endpoint, repeated)),
    )


def _values(toll: RequestCost | None) -> tuple[float | None, ...]:
    if toll is None or toll.other is None:
        return (None,) * len(HEADS)
    counts = toll.other
    return counts.calls, counts.rows, counts.blocks, counts.wal, counts.ms, None


def _cells(toll: RequestCost | None) -> Iterator[FormattedValue]:
    if toll is None or toll.other is None:
        yield from (formatting.missing(NOT_ASKED) for _ in HEADS)
        return
    counts = toll.other
    yield from (FormattedValue(formatting.tidy(value)) for value in (counts.calls, counts.rows, counts.blocks))
    yield FormattedValue(formatting.size(round(counts.wal)))
    yield FormattedValue(formatting.milliseconds(counts.ms))
    keys = toll.keys_hit + toll.keys_missed
    yield (
        FormattedValue(f"{formatting.share(toll.keys_hit / keys)} %")
        if keys
        else formatting.missing("no key was looked up")
    )


def _change(before: float | None, after: float | None) -> str:
    if before is None or after is None or before == 0:
        return ""
    return f"{formatting.in_percent(after / before - 1, sign=True)} %"


def _notes(endpoint: str, repeated: Mapping[str, Mapping[str, RepeatedStatement]]) -> Iterator[str]:
    for arm in ARMS:
        found = repeated.get(arm, {}).get(endpoint)
        if found is None:
            continue
        followed = f"for each row of “{_short(found.driver)}”" if found.driver else "for each item of the answer"
        what = f"“{_short(found.text)}”" if found.text else "a statement"
        runs, slope = formatting.tidy(found.runs), formatting.tidy(found.slope)
        yield f"N+1 {arm}: {what} runs {runs} times a request, {slope} {followed}."


def _short(text: str) -> str:
    words = " ".join(formatting.plain(text, keep="\n\t").split())
    return words if len(words) <= MOST_TEXT else f"{words[:MOST_TEXT].rstrip()}…"
