"""Database cost per request of each endpoint and the cache keys that it looks up, before and after."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from harness.analysis.request_cost import CostDifference, RequestCost
from harness.evidence.n_plus_one import RepeatedStatement
from harness.plan.model import ARMS
from harness.record.cache_keys import KeyUse
from reports import formatting
from reports.formatting import FormattedValue

COUNTS: dict[str, Callable[[float], str]] = {
    "calls": formatting.tidy,
    "rows": formatting.tidy,
    "blocks": formatting.tidy,
    "wal": lambda wal: formatting.size(round(wal)),
    "ms": formatting.milliseconds,
}
"""The columns that count, by the attribute of ``Counts``, with their format."""
MOST_TEXT = 70
NOT_MEASURED = "the response comparison has no cache miss of this endpoint"


class WorkRow(NamedTuple):
    """One endpoint in both arms, a cell for each of ``COUNTS`` and the hit rate; ``note`` names N+1 statements."""

    endpoint: str
    requests: str
    before: tuple[FormattedValue, ...]
    after: tuple[FormattedValue, ...]
    change: tuple[str, ...]
    note: str


def work_rows(
    costs: Mapping[str, Mapping[str, RequestCost]], repeated: Mapping[str, Mapping[str, RepeatedStatement]]
) -> tuple[WorkRow, ...]:
    """Each endpoint that was requested in either arm, by name."""
    before, after = (costs.get(arm, {}) for arm in ARMS)
    return tuple(_row(name, (before.get(name), after.get(name)), repeated) for name in sorted({*before, *after}))


class KeyRow(NamedTuple):
    """Lookups and hit rate of one pattern of keys, before and after."""

    pattern: str
    lookups: tuple[FormattedValue, ...]
    hit_rate: tuple[FormattedValue, ...]


def key_rows(keys: Mapping[str, Sequence[KeyUse]]) -> tuple[KeyRow, ...]:
    """The patterns of keys that were looked up in either arm, most misses of after first."""
    before, after = ({use.pattern: use for use in keys.get(arm, ())} for arm in ARMS)
    return tuple(_key_row(name, (before.get(name), after.get(name))) for name in dict.fromkeys([*after, *before]))


def _key_row(pattern: str, sides: tuple[KeyUse | None, KeyUse | None]) -> KeyRow:
    lookups = [use.reads if use else None for use in sides]
    hit_rates = [1 - use.misses / use.reads if use else None for use in sides]
    why = "no lookups in this arm"
    return KeyRow(
        formatting.plain(pattern),
        tuple(formatting.value_or(value, formatting.count, why) for value in lookups),
        tuple(formatting.value_or(value, formatting.in_percent, why) for value in hit_rates),
    )


def control_sentence(apart: CostDifference | None) -> str:
    """The largest A/A difference of a cost; empty without a control arm."""
    if apart is None:
        return ""
    if apart.share == 0:
        return "A/A noise: none, before and control have identical costs."
    where = f"{apart.what} of {formatting.plain(apart.endpoint)}"
    return f"A/A noise: before and control differ by at most {formatting.in_percent(apart.share)} % ({where})."


def _row(
    endpoint: str,
    sides: tuple[RequestCost | None, RequestCost | None],
    repeated: Mapping[str, Mapping[str, RepeatedStatement]],
) -> WorkRow:
    before, after = ([getattr(cost.other, name) for name in COUNTS] if cost and cost.other else None for cost in sides)
    return WorkRow(
        endpoint=formatting.plain(endpoint),
        requests=" / ".join(formatting.count(cost.requests) if cost else "0" for cost in sides),
        before=_cells(sides[0], before),
        after=_cells(sides[1], after),
        change=(*map(_change, before, after), "") if before and after else ("",) * (len(COUNTS) + 1),
        note=" ".join(_notes(endpoint, repeated)),
    )


def _cells(cost: RequestCost | None, values: Sequence[float] | None) -> tuple[FormattedValue, ...]:
    if cost is None or values is None:
        return (formatting.missing(NOT_MEASURED),) * (len(COUNTS) + 1)
    cells = (FormattedValue(write(value)) for write, value in zip(COUNTS.values(), values, strict=True))
    lookups = cost.keys_hit + cost.keys_missed
    hit_rate = f"{formatting.share(cost.keys_hit / lookups)} %" if lookups else None
    return (*cells, formatting.value_or(hit_rate, str, "no key was looked up"))


def _change(before: float, after: float) -> str:
    return f"{formatting.in_percent(after / before - 1, sign=True)} %" if before else ""


def _notes(endpoint: str, repeated: Mapping[str, Mapping[str, RepeatedStatement]]) -> Iterator[str]:
    for arm in ARMS:
        if found := repeated.get(arm, {}).get(endpoint):
            driver, text = (formatting.one_line(sql, MOST_TEXT) for sql in (found.driver, found.text))
            each = f"for each row of “{driver}”" if driver else "for each item of the response"
            runs, slope = formatting.tidy(found.runs), formatting.tidy(found.slope)
            statement = f"“{text}”" if text else "a statement"
            yield f"N+1 {arm}: {statement} runs {runs} times per request, {slope} {each}."
