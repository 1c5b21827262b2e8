"""Causes: why the latency of each endpoint changed, as a sentence and as a bar of shares."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from harness.evidence.causes import Cause, CauseKind, Share
from reports import formatting

MOST_NAMES = 2
N_PLUS_ONE = {(True, True): "N+1 remains: ", (True, False): "N+1 gone: ", (False, True): "new N+1: "}
"""By whether a statement is repeated in before and in after."""
LEAST_SHARE = 0.005
PADDING, LETTER = 1.7, 0.9
"""Space around a text and width of a letter, in percent of a bar."""


class Segment(NamedTuple):
    """A part of a bar: label, share, width in percent; ``kind`` is its CSS class."""

    kind: str
    label: str
    share: str
    width: float

    @property
    def text(self) -> str:
        """Its label and share; empty where these do not fit."""
        text = f"{self.label} {self.share}"
        return text if PADDING + LETTER * len(text) <= self.width else ""


class CauseRow(NamedTuple):
    """One endpoint: its latency before and after, and the causes of the change."""

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
        return f"{self.endpoint}: {self.metric} {self.before} → {self.after}. {self.sentence} {self.rest}".strip()


def cause_rows(causes: Sequence[Cause]) -> tuple[CauseRow, ...]:
    """The causes of each changed endpoint, the largest change first."""
    known = [cause for cause in causes if cause.latency.change is not None]
    return tuple(_row(cause) for cause in sorted(known, key=_size, reverse=True))


def _size(cause: Cause) -> float:
    change = cause.latency.change
    return max(change.value, 1 / change.value) if change and change.value > 0 else 0.0


def _row(cause: Cause) -> CauseRow:
    before, after = formatting.levels(cause.latency)
    assert cause.latency.change is not None  # noqa: S101 - the caller has left out the others
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
        return "Cause unknown: the service does not report its database time (header Server-Timing)."
    times = f"{formatting.milliseconds(cause.database[0])} → {formatting.milliseconds(cause.database[1])} per request"
    if not cause.shares:
        return f"Database time hardly changed ({times}): the cause is outside the database."
    shares = sorted(cause.shares, key=lambda one: (one.kind is CauseKind.CONTENTION, -round(one.share, 6)))
    parts = [_part(cause, one) for one in shares if abs(one.share) >= LEAST_SHARE]
    against = ", by opposing causes" if cause.shares_cancel else ""
    return f"Database time {times}{against}: {', '.join(parts)}."


def _part(cause: Cause, share: Share) -> str:
    detail, size = _detail(cause, share.kind), formatting.share(share.share)
    if cause.shares_cancel:
        size = formatting.in_percent(cause.factor(share) - 1, sign=True)
    return f"{_name(cause, share)} {size} %" + (f" ({detail})" if detail else "")


def _name(cause: Cause, share: Share) -> str:
    if share.kind is not CauseKind.CONTENTION:
        return share.kind.value
    return f"{'more' if cause.factor(share) > 1 else 'less'} contention and other load effects"


def _detail(cause: Cause, way: CauseKind) -> str:
    match way:
        case CauseKind.CACHE if None not in cause.hits:
            hits = [formatting.share(rate) for rate in cause.hits if rate is not None]
            return f"hit rate {hits[0]} → {hits[1]} %"
        case CauseKind.INDEXES | CauseKind.INDEXES_AND_TRIGGERS if cause.indexes:
            return formatting.first_of([formatting.plain(name) for name in cause.indexes], MOST_NAMES)
        case CauseKind.STATEMENTS | CauseKind.INDEXES_AND_STATEMENTS | CauseKind.INDEXES_TRIGGERS_AND_STATEMENTS if (
            None not in cause.statements
        ):
            before, after = (formatting.tidy(count) for count in cause.statements if count is not None)
            then, now = (found is not None for found in cause.repeated)
            repeated = N_PLUS_ONE.get((then, now), "")
            return f"{repeated}{before} → {after} per request" if before != after else repeated.rstrip(": ")
        case _:
            return ""


def _rest(cause: Cause) -> str:
    if cause.database_share is None or cause.mean is None:
        return ""
    time = "time saved" if cause.mean[1] < cause.mean[0] else "added time"
    inside, outside = formatting.share(cause.database_share), formatting.share(1 - cause.database_share)
    return f"{inside} % of the {time} is database time, {outside} % outside the database."


def _bar(cause: Cause) -> Iterator[Segment]:
    """The positive shares, scaled to the whole bar."""
    if cause.shares_cancel:
        return
    shown = [share for share in cause.shares if share.share >= LEAST_SHARE]
    whole = sum(share.share for share in shown)
    for share in shown:
        size, width = f"{formatting.share(share.share)} %", round(100 * share.share / whole, 2)
        yield Segment(share.kind.name.lower(), _name(cause, share), size, width)
