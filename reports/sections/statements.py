"""Top SQL by total time per request, before and after."""

from collections.abc import Mapping
from typing import NamedTuple

from harness.analysis.statements import SLOW_MS, StatementUse
from harness.analysis.summary import Summary
from harness.plan.model import ARMS
from harness.record.executions import HIDDEN
from reports import formatting
from reports.formatting import FormattedValue

MOST = 12
LONGEST = 400


class StatementSide(NamedTuple):
    """A statement in one arm: calls and ms per request; mean, max and buffers per call."""

    calls: FormattedValue
    ms: FormattedValue
    mean: FormattedValue
    slowest: FormattedValue
    buffers: FormattedValue


class StatementRow(NamedTuple):
    """A statement in both arms; ``what`` is ``gone``, ``new``, or the change of its time per request."""

    text: str
    service: str
    before: StatementSide
    after: StatementSide
    what: str


class StatementTable(NamedTuple):
    """The statements with most time per request in either arm; ``slow`` counts the slow ones."""

    slow: str
    rows: tuple[StatementRow, ...]
    more: str


def statement_table(summary: Summary) -> StatementTable | None:
    """``None`` where no statements were counted."""
    found = {arm: {_key(use): use for use in summary.statements if use.arm == arm} for arm in ARMS}
    keys = dict.fromkeys(key for arm in ARMS for key in found[arm])
    if not keys:
        return None
    ranked = sorted(keys, key=lambda key: -max(_per_request(found[arm].get(key)) for arm in ARMS))
    rows = tuple(_row(key, found) for key in ranked[:MOST])
    left = len(ranked) - len(rows)
    more = f"{formatting.plural(left, 'more statement')} in statements.json" if left else ""
    return StatementTable(_slow(found), rows, more)


def _key(use: StatementUse) -> tuple[str, str]:
    return use.service, use.fingerprint


def _per_request(use: StatementUse | None) -> float:
    return use.ms / use.requests if use and use.requests else 0.0


def _row(key: tuple[str, str], found: Mapping[str, Mapping[tuple[str, str], StatementUse]]) -> StatementRow:
    before, after = (found[arm].get(key) for arm in ARMS)
    text = next((use.text for use in (after, before) if use and use.text), "")
    shown = formatting.one_line(text.replace("%s", "?"), LONGEST)
    return StatementRow(
        text="statements of other roles (text not visible)" if key[1] == HIDDEN else shown,
        service=formatting.plain(key[0]),
        before=_side(before, counted=bool(found[ARMS[0]])),
        after=_side(after, counted=bool(found[ARMS[1]])),
        what=_what(before, after, both=all(found[arm] for arm in ARMS)),
    )


def _side(use: StatementUse | None, *, counted: bool) -> StatementSide:
    if use is None or not use.requests:
        none = formatting.missing("not executed in this arm" if counted else "not counted in this arm")
        return StatementSide(*[none] * 5)
    buffers, unknown = (use.hit + use.read) / use.calls if use.calls else None, "the server did not record it"
    return StatementSide(
        calls=FormattedValue(formatting.number(use.calls / use.requests)),
        ms=FormattedValue(formatting.number(_per_request(use))),
        mean=FormattedValue(formatting.number(use.mean_ms)),
        slowest=formatting.value_or(use.slowest_ms or None, formatting.number, unknown),
        buffers=formatting.value_or(buffers, formatting.number, unknown),
    )


def _what(before: StatementUse | None, after: StatementUse | None, *, both: bool) -> str:
    if not both:
        return ""
    if before is None:
        return "new"
    if after is None:
        return "gone"
    then, now = _per_request(before), _per_request(after)
    return f"{formatting.in_percent(now / then - 1, sign=True)} %" if then and now else ""


def _slow(found: Mapping[str, Mapping[tuple[str, str], StatementUse]]) -> str:
    slow = {arm: sum(max(use.mean_ms, use.slowest_ms) > SLOW_MS for use in found[arm].values()) for arm in ARMS}
    counts = (f"{arm} {formatting.count(slow[arm]) if slow[arm] else 'none'}" for arm in ARMS if found[arm])
    return f"Statements with an execution over {formatting.number(SLOW_MS)} ms: {', '.join(counts)}."
