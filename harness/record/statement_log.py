"""Statement log: the statements of a migration and their durations, from PostgreSQL's log.

The server has its default ``log_line_prefix = '%m [%p] '``. Sessions of the migration have
``log_min_duration_statement = 0`` and ``log_error_verbosity = verbose``, whose SQLSTATE marks their messages.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from harness.record.migration import LockWait, MigrationStatement

_ENTRY = re.compile(
    r"^(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) (?P<zone>\S+) \[(?P<pid>\d+)\] (?P<kind>[A-Z]+):  (?P<text>.*)$"
)
_RAN = re.compile(r"duration: (?P<ms>[\d.]+) ms  (?:statement|execute [^:]*): (?P<text>.*)", re.DOTALL)


_PLACE = re.compile(r" at character \d+$")
_OWN = re.compile(r"[0-9A-Z]{5}: ")
MAX_ERRORS = 5
LOG_MARGIN = 0.001
"""The log has whole milliseconds."""
_OPENS = re.compile(r"^(BEGIN|START TRANSACTION)\b", re.IGNORECASE)
_SHUTS = re.compile(r"^(COMMIT|ROLLBACK|END|ABORT)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A message of the log; ``at`` is in seconds since 1970."""

    at: float
    pid: int
    kind: str
    text: str


def entries(log: str) -> Iterator[LogEntry]:
    """The messages of a log in UTC; other lines are skipped."""
    match, lines = None, list[str]()
    for line in [*log.splitlines(), None]:
        begins = _ENTRY.match(line) if line is not None else None
        if match is not None and (begins or line is None):
            at = datetime.strptime(match["at"], "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=UTC)
            yield LogEntry(at.timestamp(), int(match["pid"]), match["kind"], "\n".join(lines))
        if begins:
            match, lines = begins, [begins["text"]]
        elif match is not None and line is not None and line.startswith("\t"):
            lines.append(line[1:])


@dataclass(frozen=True, slots=True)
class MigrationLog:
    """The statements of the migration, and errors of other sessions with counts."""

    statements: tuple[MigrationStatement, ...]
    errors_of_others: tuple[tuple[str, int], ...]


def migration_log(log: str, begun: float, ended: float) -> MigrationLog:
    """The log of an interval: statements by their ends; a failed one has no duration."""
    found, others, errors = list[MigrationStatement](), Counter[str](), dict[int, LogEntry]()
    for entry in entries(log):
        if not begun <= entry.at <= ended:
            continue
        own = _OWN.match(entry.text)
        text = entry.text[own.end() :] if own else entry.text
        if entry.kind in {"ERROR", "FATAL"} and own:
            errors[entry.pid] = replace(entry, text=text)
        elif entry.kind in {"ERROR", "FATAL"}:
            others[_PLACE.sub("", text)] += 1
        elif entry.kind == "STATEMENT" and (error := errors.pop(entry.pid, None)):
            found.append(MigrationStatement(error.at, None, entry.text, error=error.text))
        elif own and (match := _RAN.fullmatch(text)):
            ms = float(match["ms"])
            found.append(MigrationStatement(entry.at - ms / 1000, ms, match["text"]))
    return MigrationLog(tuple(found), tuple(others.most_common(MAX_ERRORS)))


def logged_end(statements: Sequence[MigrationStatement], wait: LockWait) -> LockWait:
    """A wait behind the migration, with its end from the log where the log has one between the two observations.

    Locks are held until the end of the transaction, or of the statement outside one.
    """
    if not wait.head:
        return wait
    ends = [one.ended for one in statements if _SHUTS.match(one.text.strip()) or one.text == wait.head]
    near = [end for end in ends if abs(end - wait.ended) <= wait.margin + LOG_MARGIN]
    return replace(wait, ended=max(near), margin=LOG_MARGIN) if near else wait


def blocking_statement(statements: Sequence[MigrationStatement], text: str, table: str, until: float) -> str:
    """The statement whose lock of ``table`` others wait for ``until`` a time, while ``text`` was running.

    It is an earlier one of the same transaction, where that names the table. ``statements`` are in order.
    """
    ran = [n for n, one in enumerate(statements) if one.begun < until and one.text == text]
    if not ran or not table:
        return text
    before = statements[: ran[-1] + 1]
    opened = max((n for n, one in enumerate(before) if _OPENS.match(one.text.strip())), default=None)
    shut = max((n for n, one in enumerate(before[:-1]) if _SHUTS.match(one.text.strip())), default=-1)
    if opened is None or opened < shut:
        return text
    named = re.compile(rf"\b{re.escape(table.rpartition('.')[2])}\b", re.IGNORECASE)
    return next((one.text for one in before[opened:] if named.search(one.text)), text)
