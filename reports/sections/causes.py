"""Causes: for every endpoint that changed one sentence why, and the shares of it as a bar."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.evidence.causes import Cause, CauseKind, Share
from reports import formatting

TITLE = "Why it changed"
ABOUT = (
    "Shares are of the fall, or rise, of database time per request on a logarithmic scale, so that steps that "
    "multiply add up. Indexes: the old release on the migrated database, asked alone; the triggers are in it for what "
    "writes, where they take another time than before. Statements: from there to the new release. Cache: requests "
    "that need no database. Crowding: the same request waits less when the database has less to do; it follows from "
    "the others. Where they nearly cancel each other, the change of database time that each made is given in place of "
    "its share. Not explained: what a request gained outside of the database, in the service or by waiting for a free "
    "core."
)
MOST_NAMES = 2
LEAST_SHARE = 0.005
PADDING, LETTER = 1.7, 0.9
"""In percent of a bar: the space around a text, and the width of a letter."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a bar: its label, its share as text, and its width in percent; ``kind`` is for its colour."""

    kind: str
    label: str
    share: str
    width: float

    @property
    def text(self) -> str:
        """What stands in it; nothing where that would be cut off."""
        text = f"{self.label} {self.share}"
        return text if PADDING + LETTER * len(text) <= self.width else ""


@dataclass(frozen=True, slots=True)
class CauseRow:
    """One endpoint: what users saw, and why."""

    endpoint: str
    metric: str
    before: str
    after: str
    change: str
    sentence: str
    rest: str
    bar: tuple[Segment, ...]

    @property
    def line(self) -> str:
        """All of it in one line, for a terminal."""
        return f"{self.endpoint}: {self.metric} {self.before} → {self.after}. {self.sentence} {self.rest}".strip()


def cause_rows(causes: Sequence[Cause]) -> tuple[CauseRow, ...]:
    """The causes of all endpoints that changed, the largest change first."""
    known = [cause for cause in causes if cause.latency.change is not None]
    return tuple(_row(cause) for cause in sorted(known, key=_size, reverse=True))


def _size(cause: Cause) -> float:
    change = cause.latency.change
    return max(change.value, 1 / change.value) if change and change.value > 0 else 0.0


def _row(cause: Cause) -> CauseRow:
    before, after = formatting.levels(cause.latency)
    assert cause.latency.change is not None  # noqa: S101 - the caller looked
    return CauseRow(
        endpoint=formatting.plain(cause.endpoint),
        metric=cause.latency.metric.label,
        before=before,
        after=after,
        change=formatting.change_with_unit(cause.latency.change),
        sentence=_sentence(cause),
        rest=_rest(cause),
        bar=tuple(_bar(cause)),
    )


def _sentence(cause: Cause) -> str:
    if cause.database is None:
        return "The service does not tell its database time (Server-Timing), so the cause is not known."
    times = f"{formatting.milliseconds(cause.database[0])} → {formatting.milliseconds(cause.database[1])} a request"
    if not cause.shares:
        return f"Database time is about as it was ({times}): the cause is elsewhere."
    shares = sorted(cause.shares, key=lambda one: (one.kind is CauseKind.CONTENTION, -round(one.share, 6)))
    parts = [_said(cause, one) for one in shares if abs(one.share) >= LEAST_SHARE]
    against = ", by ways that work against each other" if cause.shares_cancel else ""
    return f"Database time {times}{against}: {formatting.listed(parts)}."


def _said(cause: Cause, share: Share) -> str:
    detail = _detail(cause, share.kind)
    size = (
        formatting.in_percent(cause.factor(share) - 1, sign=True)
        if cause.shares_cancel
        else formatting.share(share.share)
    )
    return f"{_name(cause, share)} {size} %" + (f" ({detail})" if detail else "")


def _name(cause: Cause, share: Share) -> str:
    if share.kind is not CauseKind.CONTENTION:
        return share.kind.value
    return "more crowding" if cause.factor(share) > 1 else "less crowding"


def _detail(cause: Cause, way: CauseKind) -> str:
    match way:
        case CauseKind.CACHE if None not in cause.hits:
            hits = [formatting.share(rate) for rate in cause.hits if rate is not None]
            return f"answers {hits[0]} → {hits[1]} % of requests"
        case CauseKind.INDEXES | CauseKind.INDEXES_AND_TRIGGERS if cause.indexes:
            more = len(cause.indexes) - MOST_NAMES
            names = [formatting.plain(name) for name in cause.indexes[:MOST_NAMES]]
            return ", ".join(names) + (f" and {more} more" if more > 0 else "")
        case CauseKind.STATEMENTS | CauseKind.INDEXES_AND_STATEMENTS | CauseKind.INDEXES_TRIGGERS_AND_STATEMENTS if (
            None not in cause.statements
        ):
            before, after = (formatting.tidy(count) for count in cause.statements if count is not None)
            return (
                f"{_repeated(cause)}{before} → {after} a request" if before != after else _repeated(cause).rstrip(": ")
            )
        case _:
            return ""


def _repeated(cause: Cause) -> str:
    before, after = (repetition is not None for repetition in cause.repeated)
    if before:
        return "N+1 still there: " if after else "N+1 gone: "
    return "N+1 is new: " if after else ""


def _rest(cause: Cause) -> str:
    if cause.database_share is None or cause.mean is None:
        return ""
    word = "gained" if cause.mean[1] < cause.mean[0] else "lost"
    inside, outside = formatting.share(cause.database_share), formatting.share(1 - cause.database_share)
    return f"{inside} % of the time {word} is database time; the other {outside} % the database does not explain."


def _bar(cause: Cause) -> Iterator[Segment]:
    """The shares side by side; what works against the change has no place in a bar, and makes the others longer."""
    if cause.shares_cancel:
        return
    shown = [share for share in cause.shares if share.share >= LEAST_SHARE]
    whole = sum(share.share for share in shown)
    for share in shown:
        yield Segment(
            share.kind.name.lower(),
            _name(cause, share),
            f"{formatting.share(share.share)} %",
            round(100 * share.share / whole, 2),
        )
