"""Rehearsal: what the migration does while it runs, and what is left of it when it is rolled back."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.evidence.evidence import Evidence
from harness.evidence.migration import MigrationUnderLoad, RequestLoss
from harness.record.migration import DOWNGRADE, PLANNED, UPGRADE, MigrationRecord, MigrationStep, RanStatement, Wait
from reports import formatting
from reports.formatting import FormattedValue

TITLE = "What the migration does while it runs"
ABOUT = (
    "After the measured blocks the migration ran once more, in a fresh copy of the database of before, while its users "
    "sent requests; then it was rolled back in the same way. Nothing of it is in the figures of before and after."
)
TERMS = (
    "Waited: longer than any request of its endpoint just before, and at least 20 ms longer than usual. Lock: the "
    "strongest one on a table that the statement was seen to hold, what is too short for that has none."
)
LOCKS = {
    "AccessShareLock": "bars nobody but DROP and ALTER",
    "RowShareLock": "bars nobody but DROP and ALTER",
    "RowExclusiveLock": "bars no request",
    "ShareUpdateExclusiveLock": "bars no request",
    "ShareLock": "bars writes",
    "ShareRowExclusiveLock": "bars writes",
    "ExclusiveLock": "bars writes",
    "AccessExclusiveLock": "bars reads and writes",
}
WORTH_MS = 5.0
MOST_TEXT = 130
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True, slots=True)
class MigrationStatementRow:
    """One statement: when it began, what it took, held and caused; ``rules`` of the linter, each with its message."""

    at: str
    text: str
    full: str
    took: FormattedValue
    lock: str
    bars: str
    waited: str
    rules: tuple[tuple[str, str], ...]
    error: str


@dataclass(frozen=True, slots=True)
class PassageTable:
    """One way of the migration: its sentence, facts and statements."""

    title: str
    sentence: str
    facts: tuple[tuple[str, str], ...]
    rows: tuple[MigrationStatementRow, ...]
    left_out: str


@dataclass(frozen=True, slots=True)
class MigrationSection:
    """All that is said of a migration under load; ``tone`` is the class of an outcome."""

    tone: str
    sentence: str
    passages: tuple[PassageTable, ...]
    differences: tuple[tuple[str, str, str], ...]
    notes: tuple[str, ...]
    linted: bool


def rehearsal_section(evidence: Evidence) -> MigrationSection | None:
    """The section; ``None`` where the migration was not tried under load."""
    rehearsal = evidence.migration
    if rehearsal is None:
        return None
    record = rehearsal.record
    losses: Sequence[RequestLoss | None] = rehearsal.losses or [None] * len(record.passages)
    return MigrationSection(
        tone=_tone(rehearsal),
        sentence=sentence(rehearsal),
        passages=tuple(
            _table(record, number, passage, loss)
            for number, (passage, loss) in enumerate(zip(record.passages, losses, strict=True))
        ),
        differences=tuple(_difference(rehearsal)),
        notes=tuple(_notes(record)),
        linted=bool(record.lints),
    )


def sentence(rehearsal: MigrationUnderLoad) -> str:
    """What came of it in one or two plain sentences."""
    if rehearsal.failed:
        return f"The migration under load was not gone through: {formatting.plain(rehearsal.failed)}.{_left(rehearsal)}"
    up, down = rehearsal.loss(UPGRADE), rehearsal.loss(DOWNGRADE)
    parts = [_lost(up) if up else "No request was under way while the migration ran"]
    parts.append(_rolled_back(rehearsal, down))
    return "; ".join(part for part in parts if part) + "."


def _left(rehearsal: MigrationUnderLoad) -> str:
    found = rehearsal.record.differences
    if found is None:
        return ""
    if not found:
        return " It left the schema as it was."
    return f" It left {formatting.plural(len(found), 'part')} of the schema other than before."


def _lost(loss: RequestLoss) -> str:
    """``The longest that a request waited was 410 ms, behind CREATE INDEX …; 3 requests waited; none failed``."""
    failed = "none failed" if not loss.failures else f"{formatting.count(loss.failures)} failed"
    if loss.stall_ms is None:
        return "No request was under way while the migration ran, so nothing can be said of what it costs"
    stall = formatting.duration(loss.stall_ms / 1000)
    if not loss.blocked_by:
        slower = f"the slowest took {stall} longer than usual" if loss.stall_ms >= 1 else "none took longer than usual"
        return f"No request was seen to wait for a lock of the migration; {slower}; {failed}"
    behind = f", which itself waited for {_one_line(loss.blocker_waited_for)}" if loss.blocker_waited_for else ""
    count = "1 request" if loss.waited == 1 else f"{formatting.count(loss.waited)} requests"
    together = formatting.duration(loss.blocked_ms / 1000)
    return (
        f"The longest that a request waited was {stall}, behind {_one_line(loss.blocked_by)}{behind}; "
        f"{count} waited, {together} together; {failed}"
    )


def _rolled_back(rehearsal: MigrationUnderLoad, down: RequestLoss | None) -> str:
    if down is None:
        return ""
    cost = ""
    if down.stall_ms is not None and down.stall_ms >= 1:
        cost = f" (longest stall {formatting.duration(down.stall_ms / 1000)})"
    if rehearsal.rolled_back is None:
        return f"rolled back{cost}; whether the database is as before was not compared"
    if not rehearsal.rolled_back:
        found = rehearsal.record.differences or ()
        what = f"{formatting.plural(len(found), 'part')} of its schema differ" if found else "it answers otherwise"
        return f"rolled back{cost}, the database is NOT as before: {what}"
    compared = "schema and answers" if rehearsal.agreement else "schema; no answers were compared"
    return f"rolled back{cost}, the database is as before ({compared})"


def _tone(rehearsal: MigrationUnderLoad) -> str:
    if rehearsal.failed:
        return "INCONCLUSIVE"
    failures = sum(loss.failures for loss in rehearsal.losses)
    return "FAIL" if failures or rehearsal.rolled_back is False else "PASS"


def _table(record: MigrationRecord, number: int, passage: MigrationStep, loss: RequestLoss | None) -> PassageTable:
    all_rows = [(one, _row(record, number, place, one, passage)) for place, one in enumerate(passage.statements)]
    rows = tuple(row for one, row in all_rows if _worth(one) or row.waited or row.rules)
    left = len(passage.statements) - len(rows)
    way = "Upgrade" if passage.way == UPGRADE else "Rollback"
    service = f" of {formatting.plain(passage.service)}" if passage.service else ""
    return PassageTable(
        title=f"{way}{service} to {formatting.plain(passage.revision)}",
        sentence=f"{_lost(loss)}." if loss else "",
        facts=tuple(_facts(passage, loss)),
        rows=rows,
        left_out=f"Left out: {formatting.plural(left, 'statement')} under 5 ms behind which nobody waited."
        if left
        else "",
    )


def _worth(one: RanStatement) -> bool:
    return bool(one.error) or one.ms is None or one.ms >= WORTH_MS


def _row(
    record: MigrationRecord, number: int, place: int, one: RanStatement, passage: MigrationStep
) -> MigrationStatementRow:
    rules = {
        lint.rule: f"{lint.message} {lint.help}".strip()
        for lint in record.lints
        if (lint.passage, lint.statement) == (number, place)
    }
    waits = [wait for wait in passage.waits if wait.by_migration and wait.head == one.text and wait.ended >= one.begun]
    tables = ", ".join(one.tables)
    unknown = "it did not get to its end"
    return MigrationStatementRow(
        at=formatting.duration(max(one.begun - passage.begun, 0.0)),
        text=_one_line(one.text),
        full=formatting.plain(one.text, keep="\n\t"),
        took=FormattedValue(formatting.duration(one.ms / 1000)) if one.ms is not None else formatting.missing(unknown),
        lock=formatting.plain(f"{one.lock} on {tables}") if one.lock else "\N{EM DASH}",
        bars=LOCKS.get(one.lock, ""),
        waited=_waited(waits, passage, one),
        rules=tuple((formatting.plain(rule), formatting.plain(said)) for rule, said in rules.items()),
        error=formatting.plain(one.error),
    )


def _waited(waits: Sequence[Wait], passage: MigrationStep, one: RanStatement) -> str:
    """Who waited behind a statement, and what it waited for itself."""
    parts = []
    if waits:
        longest = formatting.duration(max(wait.ms for wait in waits) / 1000)
        parts.append(f"{formatting.plural(len(waits), 'session')} of the service waited behind it, {longest} at most")
    own = [w for w in passage.waits if w.own and one.begun <= w.begun <= (one.ended if one.ms else passage.ended)]
    if own:
        longest_own = max(own, key=lambda wait: wait.ms)
        behind = _one_line(longest_own.behind, 60) or "another transaction"
        parts.append(f"it waited {formatting.duration(sum(w.ms for w in own) / 1000)} itself, for {behind}")
    return "; ".join(parts)


def _facts(passage: MigrationStep, loss: RequestLoss | None) -> Iterator[tuple[str, str]]:
    yield "took", formatting.duration(passage.seconds) + ", its program's start included"
    if passage.failed:
        yield "failed", formatting.plain(passage.failed)
    if loss and loss.usual_ms is not None:
        yield (
            "requests under way",
            f"{formatting.count(loss.requests)}, usually {formatting.milliseconds(loss.usual_ms)} (median)",
        )
    queue = passage.queue
    deepest = f"{formatting.plural(queue.depth, 'session')} at once, behind {_one_line(queue.head, 60)}"
    yield "longest queue", deepest if queue.depth else "nobody was seen to wait for a lock of it"
    if loss and loss.lock_ms:
        yield "longest wait for a lock", f"{formatting.duration(loss.lock_ms / 1000)}, as the database says"
    if loss and loss.errors:
        said = (f"{formatting.plain(error)} ({formatting.count(times)} times)" for error, times in loss.errors)
        yield "errors that clients saw", "; ".join(said)
    if passage.errors:
        said = (f"{formatting.plain(error)} ({formatting.count(times)} times)" for error, times in passage.errors)
        yield "errors of the database", "; ".join(said)
    yield "planned transaction", f"open for {formatting.duration(passage.held)} of it" if passage.held else "none"
    space = passage.space
    more = max(space.wal - space.wal_of_load, 0)
    yield "write-ahead log", f"{formatting.size(more)} more than the load alone writes"
    if space.peak:
        yield "disk", f"{formatting.size(space.before)} before, {formatting.size(space.peak)} at most"
    yield "tables written anew", formatting.plain(", ".join(passage.rewritten)) or "none"
    yield "INVALID indexes left", formatting.plain(", ".join(passage.invalid)) or "none"
    yield (
        "looked for locks",
        f"{formatting.count(passage.looks)} times, {formatting.milliseconds(passage.look_ms)} each",
    )


def _difference(rehearsal: MigrationUnderLoad) -> Iterator[tuple[str, str, str]]:
    for one in rehearsal.record.differences or ():
        before, after = ("not there" if side is None else _one_line(side) for side in (one.before, one.after))
        yield formatting.plain(one.what), before, after
    for answer in rehearsal.agreement.differences if rehearsal.agreement else ():
        for place in answer.divergences:
            yield (
                f"answer to {formatting.plain(answer.path)}, {place.where}",
                _one_line(place.before),
                _one_line(place.after),
            )


def _notes(record: MigrationRecord) -> Iterator[str]:
    for passage in record.passages:
        if passage.unread:
            yield f"{passage.way}: {formatting.plain(passage.unread)}."
    if record.linted and not record.lints:
        nothing = record.linted == "squawk"
        yield "squawk has nothing to say of it." if nothing else f"{formatting.plain(record.linted)}."


def _one_line(text: str, most: int = MOST_TEXT) -> str:
    """A statement on one line, its end left out where it is long."""
    if text == PLANNED:
        return "the planned transaction"
    line = formatting.plain(" ".join(_COMMENT.sub(" ", text).split()))
    return line if len(line) <= most else f"{line[: most - 1]}{formatting.ELLIPSIS}"
