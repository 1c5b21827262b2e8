"""Rehearsal: what the requests lost while the migration ran, and whether rolled back is as before.

What counts where:

- a request was *under way* with a passage when it was due before its last statement ended and answered after its first
  one began; how long the migration's program took to start is left out;
- what an endpoint *usually* takes is the median of its requests in the quiet stretch just before the passage: after the
  users came, and after the passage before;
- the *excess* of a request is its latency less what its endpoint usually takes; its *stall* is the excess where that is
  above 0. Failed requests count too: who waited and got nothing lost no less;
- a request *waited* when it took longer than any of its endpoint in the quiet stretch, and at least ``LEAST_MS`` more
  than usual; *blocked* are the excesses of those that waited, added up.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.analysis.answers import AnswerOutcome, ResponseAgreement
from harness.record.migration import DOWNGRADE, UPGRADE, MigrationRecord, MigrationStep, Wait
from harness.record.samples import endpoints, latency_ns

CLIMB_SECONDS = 3.0
"""What was due before is left out of what is usual: users were still coming."""
LEAST_MS = 20.0
FEWEST = 20
"""With fewer quiet requests of an endpoint, those of all endpoints say what is usual."""
MOST_ERRORS = 5
WAYS = {"migration": UPGRADE, "rollback": DOWNGRADE}
"""By what the names of its metrics begin with."""
BUCKETS = 300
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RequestLoss:
    """What one passage cost the requests.

    Attributes:
        begun: when its first statement began, in seconds of the leg.
        ended: when its last one ended.
        requests: that were under way with it.
        usual_ms: the median of all requests in the quiet stretch before it; ``None`` where there were none.
        stall_ms: the longest stall; ``None`` where nothing can be said.
        endpoint: of the request that it was.
        blocked_by: the statement of the migration behind which that request waited for a lock; empty where for none.
        blocker_waited_for: what that statement was itself waiting for; empty for nothing.
        waited: how many waited.
        blocked_ms: the waiting of all together.
        failures: that failed while under way with it.
        errors: the commonest of their errors, with how often.
        lock_ms: the longest that a session of the service waited for a lock because of the migration, as the server
            says; 0 where none was seen to.
    """

    way: str
    service: str | None
    begun: float
    ended: float
    requests: int = 0
    usual_ms: float | None = None
    stall_ms: float | None = None
    endpoint: str = ""
    blocked_by: str = ""
    blocker_waited_for: str = ""
    waited: int = 0
    blocked_ms: float = 0.0
    failures: int = 0
    errors: tuple[tuple[str, int], ...] = ()
    lock_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class TimelinePoint:
    """A stretch of the leg: its middle in seconds, the longest latency of what was due in it, and how many failed."""

    second: float
    longest_ms: float
    failures: int


@dataclass(frozen=True, slots=True)
class MigrationUnderLoad:
    """The migration under load: what was recorded, and what it means; ``losses`` are of the passages, in order."""

    record: MigrationRecord
    losses: tuple[RequestLoss, ...] = ()
    points: tuple[TimelinePoint, ...] = ()
    agreement: ResponseAgreement | None = None
    """The answers of before, and of before once it was migrated and rolled back."""

    @property
    def failed(self) -> str:
        """Why there is nothing to judge; empty where there is."""
        broken = (f"the {passage.way} {passage.failed}" for passage in self.record.passages if passage.failed)
        return self.record.failed or next(broken, "")

    @property
    def rolled_back(self) -> bool | None:
        """Whether the rolled back database is as before, as far as that was compared; ``None`` where it was not."""
        if self.record.differences is None or self.loss(DOWNGRADE) is None:
            return None
        alike = self.agreement is None or self.agreement.outcome in {AnswerOutcome.SAME, AnswerOutcome.SHORT}
        return not self.record.differences and alike

    def loss(self, way: str) -> RequestLoss | None:
        """What a way cost, of several databases the sum and the worst; ``None`` where it was not gone to its end."""
        found = [loss for loss in self.losses if loss.way == way]
        if not found or any(passage.failed for passage in self.record.passages if passage.way == way):
            return None
        worst = max(found, key=lambda loss: loss.stall_ms or 0.0)
        return RequestLoss(
            way,
            worst.service,
            min(loss.begun for loss in found),
            max(loss.ended for loss in found),
            sum(loss.requests for loss in found),
            worst.usual_ms,
            worst.stall_ms,
            worst.endpoint,
            worst.blocked_by,
            worst.blocker_waited_for,
            sum(loss.waited for loss in found),
            sum(loss.blocked_ms for loss in found),
            sum(loss.failures for loss in found),
            worst.errors,
            max(loss.lock_ms for loss in found),
        )

    def value(self, metric: str) -> float | None:
        """The value of a metric of the registry that is measured here; ``None`` where it is not known."""
        way, _, part = metric.partition("_")
        loss = self.loss(WAYS.get(way, ""))
        if loss is None or self.record.failed or loss.stall_ms is None:
            return None
        return {"stall_ms": loss.stall_ms, "blocked_ms": loss.blocked_ms, "failures": float(loss.failures)}.get(part)


def migration_under_load(
    record: MigrationRecord, samples: pa.Table, agreement: ResponseAgreement | None = None
) -> MigrationUnderLoad:
    """What a record and the samples of its load say."""
    if record.origin is None or not len(samples):
        return MigrationUnderLoad(record, agreement=agreement)
    requests = _Requests(samples)
    losses, quiet_from = [], CLIMB_SECONDS
    for passage in record.passages:
        losses.append(_loss(passage, requests, record.origin, quiet_from))
        quiet_from = passage.ended - record.origin
    return MigrationUnderLoad(record, tuple(losses), tuple(_points(requests)), agreement)


class _Requests:
    """The samples as columns: seconds of the leg, and ms."""

    def __init__(self, samples: pa.Table) -> None:
        latency = latency_ns(samples)
        due = samples["due_ns"].to_numpy()
        self.due: Numbers = due / 1e9
        self.ended: Numbers = (due + latency) / 1e9
        self.latency_ms: Numbers = latency / 1e6
        self.kind, self.names = endpoints(samples)
        self.errors: list[Any] = samples["error"].to_pylist()
        self.failed = np.array([error is not None for error in self.errors], dtype=bool)

    def usual(self, since: float, until: float) -> tuple[Numbers, Numbers, float | None]:
        """Of each endpoint the median and the longest latency in a quiet stretch, and the median of all."""
        quiet = (self.due >= since) & (self.ended <= until) & ~self.failed
        if not quiet.any():
            nothing: Numbers = np.full(len(self.names), np.nan)
            return nothing, nothing, None
        everything = self.latency_ms[quiet]
        median, longest = float(np.median(everything)), float(everything.max())
        usual, slowest = np.full(len(self.names), median), np.full(len(self.names), longest)
        for number in range(len(self.names)):
            own = self.latency_ms[quiet & (self.kind == number)]
            if len(own) >= FEWEST:
                usual[number], slowest[number] = np.median(own), own.max()
        return usual, slowest, median


def statement_span(passage: MigrationStep) -> tuple[float, float]:
    """From the first statement of a passage to its last, in seconds since 1970; all of it where none is known."""
    if not passage.statements:
        return passage.begun, passage.ended
    ends = [one.ended if one.ms is not None else passage.ended for one in passage.statements]
    return min(one.begun for one in passage.statements), max(ends)


def _loss(passage: MigrationStep, requests: _Requests, origin: float, quiet_from: float) -> RequestLoss:
    begun, ended = (moment - origin for moment in statement_span(passage))
    loss = RequestLoss(passage.way, passage.service, begun, ended, lock_ms=_longest(passage.waits))
    under_way = (requests.due < ended) & (requests.ended > begun)
    usual, slowest, median = requests.usual(quiet_from, passage.begun - origin)
    if median is None or not under_way.any():
        return loss
    excess = np.where(under_way, requests.latency_ms - usual[requests.kind], -np.inf)
    waited = under_way & (requests.latency_ms > slowest[requests.kind]) & (excess >= LEAST_MS)
    worst = int(np.argmax(excess))
    wait = _waited_for(passage.waits, origin + requests.due[worst], origin + requests.ended[worst])
    errors = Counter(str(error) for error, there in zip(requests.errors, under_way, strict=True) if there and error)
    return RequestLoss(
        passage.way,
        passage.service,
        begun,
        ended,
        int(under_way.sum()),
        median,
        max(float(excess[worst]), 0.0),
        requests.names[int(requests.kind[worst])],
        wait.head if wait else "",
        wait.behind if wait else "",
        int(waited.sum()),
        float(excess[waited].sum()),
        int((under_way & requests.failed).sum()),
        tuple(errors.most_common(MOST_ERRORS)),
        loss.lock_ms,
    )


def _longest(waits: Sequence[Wait]) -> float:
    return max((wait.ms for wait in waits if wait.by_migration), default=0.0)


def _waited_for(waits: Sequence[Wait], begun: float, ended: float) -> Wait | None:
    """The wait behind the migration that shares most of its time with a request, if any does."""
    shared = [(min(wait.ended, ended) - max(wait.begun, begun), wait) for wait in waits if wait.by_migration]
    return max((one for one in shared if one[0] > 0), key=lambda one: one[0], default=(0.0, None))[1]


def _points(requests: _Requests) -> Iterator[TimelinePoint]:
    """The course of the leg in some stretches of one length."""
    width = max(float(requests.due.max()) / BUCKETS, 1e-3)
    places = (requests.due / width).astype(np.int64)
    for place in np.unique(places):
        here = places == place
        yield TimelinePoint(
            (float(place) + 0.5) * width, float(requests.latency_ms[here].max()), int(requests.failed[here].sum())
        )
