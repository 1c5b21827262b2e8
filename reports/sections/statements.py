"""Statements: which took the server's time, before and after, joined by what they ask."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from harness.analysis.statements import SLOW_MS, StatementUse
from harness.analysis.summary import Summary
from harness.plan.model import ARMS
from harness.record.executions import HIDDEN
from reports import formatting
from reports.formatting import FormattedValue

MOST = 12
LONGEST = 400
LEAD = (
    "Counted by PostgreSQL itself (pg_stat_statements) in the measured parts of all stages but ramps; BEGIN, COMMIT "
    "and the like are left out. A statement is the same one in both arms whatever values it was sent with. Pages: of 8 "
    "kB, from PostgreSQL's memory or from the operating system."
)


@dataclass(frozen=True, slots=True)
class StatementSide:
    """A statement in one arm: executions and ms for each request, and ms and pages of an execution."""

    calls: FormattedValue
    ms: FormattedValue
    mean: FormattedValue
    slowest: FormattedValue
    pages: FormattedValue


@dataclass(frozen=True, slots=True)
class StatementRow:
    """A statement in both arms, and what became of it: ``gone``, ``new``, or how its time per request changed."""

    text: str
    service: str
    before: StatementSide
    after: StatementSide
    what: str


@dataclass(frozen=True, slots=True)
class StatementTable:
    """The statements that took most time for a request in either arm; ``slow`` says which were too slow."""

    lead: str
    slow: str
    rows: tuple[StatementRow, ...]
    more: str
    names_services: bool


def statement_table(summary: Summary) -> StatementTable | None:
    """The table; ``None`` where nothing was counted."""
    found = {arm: {_key(use): use for use in summary.statements if use.arm == arm} for arm in ARMS}
    keys = dict.fromkeys(key for arm in ARMS for key in found[arm])
    if not keys:
        return None
    ranked = sorted(keys, key=lambda key: -max(_per_request(found[arm].get(key)) for arm in ARMS))
    rows = tuple(_row(key, found) for key in ranked[:MOST])
    left = len(ranked) - len(rows)
    return StatementTable(
        lead=LEAD,
        slow=_slow(found),
        rows=rows,
        more=f"and {formatting.plural(left, 'statement')} that took less" if left else "",
        names_services=any(service for service, _ in keys),
    )


def statements_record(summary: Summary) -> dict[str, Any]:
    """What was executed and what servers told, for machines: nothing rounded."""
    statements = [asdict(use) for use in summary.statements]
    return {"schema": 1, "statements": statements, "servers": [asdict(told) for told in summary.servers]}


def _key(use: StatementUse) -> tuple[str, str]:
    return use.service, use.fingerprint


def _per_request(use: StatementUse | None) -> float:
    return use.ms / use.requests if use and use.requests else 0.0


def _row(key: tuple[str, str], found: Mapping[str, Mapping[tuple[str, str], StatementUse]]) -> StatementRow:
    before, after = (found[arm].get(key) for arm in ARMS)
    text = next((use.text for use in (after, before) if use and use.text), "")
    return StatementRow(
        text=_text(key[1], text),
        service=formatting.plain(key[0]),
        before=_side(before, asked=bool(found[ARMS[0]])),
        after=_side(after, asked=bool(found[ARMS[1]])),
        what=_what(before, after, both=all(found[arm] for arm in ARMS)),
    )


def _text(fingerprint: str, text: str) -> str:
    if fingerprint == HIDDEN:
        return "statements of other roles, whose texts may not be seen"
    line = formatting.plain(text).replace("%s", "?")
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}{formatting.ELLIPSIS}"


def _side(use: StatementUse | None, *, asked: bool) -> StatementSide:
    if use is None or not use.requests:
        none = formatting.missing("never executed in this arm" if asked else "not counted in this arm")
        return StatementSide(none, none, none, none, none)
    unknown = formatting.missing("no execution was the longest that the server remembers")
    return StatementSide(
        calls=FormattedValue(formatting.number(use.calls / use.requests)),
        ms=FormattedValue(formatting.number(_per_request(use))),
        mean=FormattedValue(formatting.number(use.mean_ms)),
        slowest=FormattedValue(formatting.number(use.slowest_ms)) if use.slowest_ms else unknown,
        pages=FormattedValue(formatting.number((use.hit + use.read) / use.calls)) if use.calls else unknown,
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
    """How many statements took too long, in words."""
    said = [f"{arm}: {_count(list(found[arm].values()))}" for arm in ARMS if found[arm]]
    return f"Statements that took longer than {formatting.number(SLOW_MS)} ms at least once: {'; '.join(said)}."


def _count(uses: Sequence[StatementUse]) -> str:
    slow = [use for use in uses if max(use.mean_ms, use.slowest_ms) > SLOW_MS]
    return formatting.count(len(slow)) if slow else "none"
