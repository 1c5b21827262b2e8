"""The migration under load: stalls, statements, locks, and the schema after the rollback."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from harness.evidence.evidence import Evidence
from harness.evidence.migration import MigrationUnderLoad, RequestLoss
from harness.record.migration import (
    DOWNGRADE,
    PLANNED,
    UPGRADE,
    LockWait,
    MigrationRecord,
    MigrationStatement,
    MigrationStep,
)
from reports import formatting
from reports.formatting import FormattedValue

LOCKS = {
    "AccessShareLock": "blocks only DROP and ALTER",
    "RowShareLock": "blocks only DROP and ALTER",
    "RowExclusiveLock": "blocks no request",
    "ShareUpdateExclusiveLock": "blocks no request",
    "ShareLock": "blocks writes",
    "ShareRowExclusiveLock": "blocks writes",
    "ExclusiveLock": "blocks writes",
    "AccessExclusiveLock": "blocks reads and writes",
}
SHOWN_FROM_MS = 5.0
MOST_TEXT = 130
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)


class MigrationStatementRow(NamedTuple):
    """One statement; ``rules`` are findings of the linter, each with its message."""

    at: str
    text: str
    full: str
    took: FormattedValue
    lock: str
    blocks: str
    waited: str
    rules: tuple[tuple[str, str], ...]
    error: str


class DirectionTable(NamedTuple):
    """One direction, upgrade or rollback."""

    title: str
    sentence: str
    facts: tuple[tuple[str, str], ...]
    rows: tuple[MigrationStatementRow, ...]
    left_out: str


class MigrationSection(NamedTuple):
    """The section; ``outcome`` is a CSS class, ``differences`` have a name, before, and after the rollback."""

    outcome: str
    sentence: str
    directions: tuple[DirectionTable, ...]
    differences: tuple[tuple[str, str, str], ...]
    notes: tuple[str, ...]
    linted: bool


def migration_section(evidence: Evidence) -> MigrationSection | None:
    """``None`` where no migration ran under load."""
    rehearsal = evidence.migration
    if rehearsal is None:
        return None
    record = rehearsal.record
    losses: Sequence[RequestLoss | None] = rehearsal.losses or [None] * len(record.steps)
    directions = enumerate(zip(record.steps, losses, strict=True))
    return MigrationSection(
        outcome=_outcome(rehearsal),
        sentence=sentence(rehearsal),
        directions=tuple(_table(record, number, step, loss) for number, (step, loss) in directions),
        differences=tuple(_difference(rehearsal)),
        notes=tuple(_notes(record)),
        linted=bool(record.lints),
    )


def sentence(rehearsal: MigrationUnderLoad) -> str:
    """The longest stall and the rollback, in one sentence."""
    if rehearsal.failed:
        return f"The migration under load did not finish: {formatting.plain(rehearsal.failed)}.{_left(rehearsal)}"
    up, down = rehearsal.loss(UPGRADE), rehearsal.loss(DOWNGRADE)
    parts = [_lost(up) if up else "No request was under way while the migration ran", _rolled_back(rehearsal, down)]
    return "; ".join(part for part in parts if part) + "."


def _left(rehearsal: MigrationUnderLoad) -> str:
    found = rehearsal.record.differences
    if found is None:
        return ""
    left = formatting.plural(len(found), "difference")
    return f" It left {left} in the schema." if found else " The schema is unchanged."


def _lost(loss: RequestLoss) -> str:
    """``The longest that a request waited was 410 ms, behind CREATE INDEX …; 3 requests waited; none failed``."""
    failed = "none failed" if not loss.failures else f"{formatting.count(loss.failures)} failed"
    if loss.stall_ms is None:
        return "No request was under way while the migration ran: its effect on requests is unknown"
    stall = formatting.duration(loss.stall_ms / 1000)
    if not loss.blocked_by:
        slower = f"the longest stall was {stall}" if loss.stall_ms >= 1 else "none stalled"
        return f"No request waited for a lock of the migration; {slower}; {failed}"
    behind = f", which itself waited for {_one_line(loss.blocker_waited_for)}" if loss.blocker_waited_for else ""
    together = formatting.duration(loss.blocked_ms / 1000)
    waited = f"{formatting.plural(loss.waited, 'request')} waited, {together} together"
    longest = f"The longest that a request waited was {stall}"
    return f"{longest}, behind {_one_line(loss.blocked_by)}{behind}; {waited}; {failed}"


def _rolled_back(rehearsal: MigrationUnderLoad, down: RequestLoss | None) -> str:
    if down is None:
        return ""
    cost = ""
    if down.stall_ms is not None and down.stall_ms >= 1:
        cost = f" (longest stall {formatting.duration(down.stall_ms / 1000)})"
    if rehearsal.rolled_back is None:
        return f"rolled back{cost}; the database was not compared with before"
    if not rehearsal.rolled_back:
        found = rehearsal.record.differences or ()
        what = f"{formatting.plural(len(found), 'difference')} in the schema" if found else "responses differ"
        return f"rolled back{cost}, the database is NOT as before: {what}"
    compared = "schema and answers" if rehearsal.agreement else "schema; responses were not compared"
    return f"rolled back{cost}, the database is as before ({compared})"


def _outcome(rehearsal: MigrationUnderLoad) -> str:
    if rehearsal.failed:
        return "INCONCLUSIVE"
    failures = sum(loss.failures for loss in rehearsal.losses)
    return "FAIL" if failures or rehearsal.rolled_back is False else "PASS"


def _table(record: MigrationRecord, number: int, step: MigrationStep, loss: RequestLoss | None) -> DirectionTable:
    all_rows = [(one, _row(record, number, place, one, step)) for place, one in enumerate(step.statements)]
    rows = tuple(row for one, row in all_rows if _slow(one) or row.waited or row.rules)
    left = len(step.statements) - len(rows)
    direction = "Upgrade" if step.way == UPGRADE else "Rollback"
    service = f" of {formatting.plain(step.service)}" if step.service else ""
    return DirectionTable(
        title=f"{direction}{service} to {formatting.plain(step.revision)}",
        sentence=f"{_lost(loss)}." if loss else "",
        facts=tuple(_facts(step, loss)),
        rows=rows,
        left_out=f"Not shown: {formatting.plural(left, 'statement')} under 5 ms that blocked nobody." if left else "",
    )


def _slow(one: MigrationStatement) -> bool:
    return bool(one.error) or one.ms is None or one.ms >= SHOWN_FROM_MS


def _row(
    record: MigrationRecord, number: int, place: int, one: MigrationStatement, step: MigrationStep
) -> MigrationStatementRow:
    rules = {
        lint.rule: f"{lint.message} {lint.help}".strip()
        for lint in record.lints
        if (lint.step, lint.statement) == (number, place)
    }
    waits = [wait for wait in step.waits if wait.by_migration and wait.head == one.text and wait.ended >= one.begun]
    return MigrationStatementRow(
        at=formatting.duration(max(one.begun - step.begun, 0.0)),
        text=_one_line(one.text),
        full=formatting.plain(one.text, keep="\n\t"),
        took=formatting.value_or(one.ms, lambda ms: formatting.duration(ms / 1000), "it did not finish"),
        lock=formatting.plain(f"{one.lock} on {', '.join(one.tables)}") if one.lock else formatting.DASH,
        blocks=LOCKS.get(one.lock, ""),
        waited=_waited(waits, step, one),
        rules=tuple((formatting.plain(rule), formatting.plain(text)) for rule, text in rules.items()),
        error=formatting.plain(one.error),
    )


def _waited(waits: Sequence[LockWait], step: MigrationStep, one: MigrationStatement) -> str:
    parts = []
    if waits:
        longest = formatting.duration(max(wait.ms for wait in waits) / 1000)
        parts.append(f"blocked {formatting.plural(len(waits), 'session')} of the service, for up to {longest}")
    own = [w for w in step.waits if w.own and one.begun <= w.begun <= (one.ended if one.ms else step.ended)]
    if own:
        longest_own = max(own, key=lambda wait: wait.ms)
        behind = _one_line(longest_own.behind, 60) or "another transaction"
        parts.append(f"waited {formatting.duration(sum(w.ms for w in own) / 1000)} itself, for {behind}")
    return "; ".join(parts)


def _facts(step: MigrationStep, loss: RequestLoss | None) -> Iterator[tuple[str, str]]:
    yield "took", f"{formatting.duration(step.seconds)}, including the start of its program"
    if step.failed:
        yield "failed", formatting.plain(step.failed)
    if loss and loss.usual_ms is not None:
        usual = formatting.milliseconds(loss.usual_ms)
        yield "requests under way", f"{formatting.count(loss.requests)}, usually {usual} (median)"
    queue = step.queue
    longest = f"{formatting.plural(queue.depth, 'session')}, behind {_one_line(queue.head, 60)}"
    yield "longest queue", longest if queue.depth else "no session waited for a lock of it"
    if loss and loss.lock_ms:
        yield "longest wait for a lock", formatting.duration(loss.lock_ms / 1000)
    for name, errors in (("errors of clients", loss.errors if loss else ()), ("errors of the database", step.errors)):
        counted = (f"{formatting.plain(error)} ({formatting.count(times)} times)" for error, times in errors)
        if errors:
            yield name, "; ".join(counted)
    yield "long transaction", f"open for {formatting.duration(step.held)} of it" if step.held else "none"
    space = step.space
    yield "WAL", f"{formatting.size(max(space.wal - space.wal_of_load, 0))} more than the load alone"
    if space.peak:
        yield "disk", f"{formatting.size(space.before)} before, peak {formatting.size(space.peak)}"
    yield "tables rewritten", formatting.plain(", ".join(step.rewritten)) or "none"
    yield "INVALID indexes left", formatting.plain(", ".join(step.invalid)) or "none"
    yield "samples of pg_locks", f"{formatting.count(step.looks)}, {formatting.milliseconds(step.look_ms)} each"


def _difference(rehearsal: MigrationUnderLoad) -> Iterator[tuple[str, str, str]]:
    for one in rehearsal.record.differences or ():
        before, after = ("missing" if side is None else _one_line(side) for side in (one.before, one.after))
        yield formatting.plain(one.what), before, after
    for answer in rehearsal.agreement.differences if rehearsal.agreement else ():
        for place in answer.divergences:
            what = f"response to {formatting.plain(answer.path)}, {place.where}"
            yield what, _one_line(place.before), _one_line(place.after)


def _notes(record: MigrationRecord) -> Iterator[str]:
    for step in record.steps:
        if step.unread:
            yield f"{step.way}: {formatting.plain(step.unread)}."
    if record.linted and not record.lints:
        yield "squawk: no warnings." if record.linted == "squawk" else f"{formatting.plain(record.linted)}."


def _one_line(text: str, most: int = MOST_TEXT) -> str:
    return "the long transaction" if text == PLANNED else formatting.one_line(_COMMENT.sub(" ", text), most)
