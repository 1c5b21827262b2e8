"""The migration under load: what requests lost while it ran, and whether the rollback restored the database.

Definitions:

- A request was in flight during a step (migration or rollback) when it was due before the last statement of the step
  ended and answered after the first one began. The start of the migration program does not count.
- The usual latency of an endpoint is the median of its requests in the quiet period before the step: after the users
  arrived, and after the previous step.
- The excess of a request is its latency minus the usual one; its stall is a positive excess. Failed requests count.
- A request waited when it took longer than every request of its endpoint in the quiet period, and at least
  ``LEAST_MS`` longer than usual. Blocked time is the sum of the excesses of requests that waited.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.analysis.answers import AnswerOutcome, ResponseAgreement
from harness.record.migration import DOWNGRADE, UPGRADE, LockWait, MigrationRecord, MigrationStep
from harness.record.samples import endpoints, latency_ns

RAMP_UP_SECONDS = 3.0  # requests due earlier are not part of the quiet period: users are still arriving
LEAST_MS = 20.0
LEAST_REQUESTS = 20  # with fewer quiet requests of an endpoint, its usual latency is that of all endpoints
MOST_ERRORS = 5
WAYS = {"migration": UPGRADE, "rollback": DOWNGRADE}  # first word of a metric's name to the direction of the step
POINTS = 300
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RequestLoss:
    """The cost of one step for the requests in flight.

    ``lock_ms``: the longest lock wait of a session behind the migration, as PostgreSQL reports it; 0 without one.
    """

    way: str
    service: str | None
    begun: float  # start of its first statement, in seconds of the leg
    ended: float  # end of its last statement, likewise
    requests: int = 0  # how many were in flight
    usual_ms: float | None = None  # the median of all requests in the quiet period; ``None`` without any
    stall_ms: float | None = None  # the longest stall; ``None`` when unknown
    endpoint: str = ""  # the endpoint with the longest stall
    blocked_by: str = ""  # the statement of the migration for whose lock that request waited; empty without one
    blocker_waited_for: str = ""  # the query for which that statement waited itself; empty without one
    waited: int = 0  # how many requests waited
    blocked_ms: float = 0.0  # the blocked time of all together
    failures: int = 0  # how many requests in flight failed
    errors: tuple[tuple[str, int], ...] = ()  # their most frequent errors, with counts
    lock_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class TimelinePoint:
    """A short part of the leg: its middle in seconds, the longest latency of requests due in it, and failures."""

    second: float
    longest_ms: float
    failures: int


@dataclass(frozen=True, slots=True)
class MigrationUnderLoad:
    """The migration under load: what it cost requests, and what it changed."""

    record: MigrationRecord
    losses: tuple[RequestLoss, ...] = ()  # one per step, in order
    points: tuple[TimelinePoint, ...] = ()
    agreement: ResponseAgreement | None = None  # of the responses of before and those after migration and rollback

    @property
    def failed(self) -> str:
        """Why the migration under load cannot be judged; empty when it can."""
        broken = (f"the {step.way} {step.failed}" for step in self.record.steps if step.failed)
        return self.record.failed or next(broken, "")

    @property
    def rolled_back(self) -> bool | None:
        """Whether the rollback restored schema and responses; ``None`` when that was not compared."""
        if self.record.differences is None or self.loss(DOWNGRADE) is None:
            return None
        alike = self.agreement is None or self.agreement.outcome in {AnswerOutcome.SAME, AnswerOutcome.SHORT}
        return not self.record.differences and alike

    def loss(self, way: str) -> RequestLoss | None:
        """The loss of one direction, over several databases the sum and the worst; ``None`` if it did not complete."""
        found = [loss for loss in self.losses if loss.way == way]
        if not found or any(step.failed for step in self.record.steps if step.way == way):
            return None
        return replace(
            max(found, key=lambda loss: loss.stall_ms or 0.0),
            begun=min(loss.begun for loss in found),
            ended=max(loss.ended for loss in found),
            lock_ms=max(loss.lock_ms for loss in found),
            requests=sum(loss.requests for loss in found),
            waited=sum(loss.waited for loss in found),
            blocked_ms=math.fsum(loss.blocked_ms for loss in found),
            failures=sum(loss.failures for loss in found),
        )

    def value(self, metric: str) -> float | None:
        """The value of a metric that is measured here; ``None`` when unknown."""
        way, _, part = metric.partition("_")
        loss = self.loss(WAYS.get(way, ""))
        if loss is None or self.record.failed or loss.stall_ms is None:
            return None
        return {"stall_ms": loss.stall_ms, "blocked_ms": loss.blocked_ms, "failures": float(loss.failures)}.get(part)


def migration_under_load(
    record: MigrationRecord, samples: pa.Table, agreement: ResponseAgreement | None = None
) -> MigrationUnderLoad:
    """The losses and the timeline from the record of a migration under load and the samples of its load."""
    if record.origin is None or not len(samples):
        return MigrationUnderLoad(record, agreement=agreement)
    requests = _Requests(samples)
    losses, quiet_from = [], RAMP_UP_SECONDS
    for step in record.steps:
        losses.append(_loss(step, requests, record.origin, quiet_from))
        quiet_from = step.ended - record.origin
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
        """Median and maximum latency per endpoint in a quiet period, ms, and the median of all requests."""
        quiet = (self.due >= since) & (self.ended <= until) & ~self.failed
        if not quiet.any():
            nothing: Numbers = np.full(len(self.names), np.nan)
            return nothing, nothing, None
        everything = self.latency_ms[quiet]
        median, longest = float(np.median(everything)), float(everything.max())
        usual, slowest = np.full(len(self.names), median), np.full(len(self.names), longest)
        for number in range(len(self.names)):
            own = self.latency_ms[quiet & (self.kind == number)]
            if len(own) >= LEAST_REQUESTS:
                usual[number], slowest[number] = np.median(own), own.max()
        return usual, slowest, median


def statement_span(step: MigrationStep) -> tuple[float, float]:
    """Start of the first and end of the last statement of a step, Unix time; the whole step without statements."""
    if not step.statements:
        return step.begun, step.ended
    ends = [one.ended if one.ms is not None else step.ended for one in step.statements]
    return min(one.begun for one in step.statements), max(ends)


def _loss(step: MigrationStep, requests: _Requests, origin: float, quiet_from: float) -> RequestLoss:
    begun, ended = (moment - origin for moment in statement_span(step))
    lock_ms = max((wait.ms for wait in step.waits if wait.by_migration), default=0.0)
    loss = RequestLoss(step.way, step.service, begun, ended, lock_ms=lock_ms)
    in_flight = (requests.due < ended) & (requests.ended > begun)
    usual, slowest, median = requests.usual(quiet_from, step.begun - origin)
    if median is None or not in_flight.any():
        return loss
    excess = np.where(in_flight, requests.latency_ms - usual[requests.kind], -np.inf)
    waited = in_flight & (requests.latency_ms > slowest[requests.kind]) & (excess >= LEAST_MS)
    worst = int(np.argmax(excess))
    wait = _waited_for(step.waits, origin + requests.due[worst], origin + requests.ended[worst])
    errors = Counter(str(error) for error, there in zip(requests.errors, in_flight, strict=True) if there and error)
    return replace(
        loss,
        requests=int(in_flight.sum()),
        usual_ms=median,
        stall_ms=max(float(excess[worst]), 0.0),
        endpoint=requests.names[int(requests.kind[worst])],
        blocked_by=wait.head if wait else "",
        blocker_waited_for=wait.behind if wait else "",
        waited=int(waited.sum()),
        blocked_ms=float(excess[waited].sum()),
        failures=int((in_flight & requests.failed).sum()),
        errors=tuple(errors.most_common(MOST_ERRORS)),
    )


def _waited_for(waits: Sequence[LockWait], begun: float, ended: float) -> LockWait | None:
    """The wait behind the migration with the longest overlap with a request; ``None`` without any."""
    shared = [(min(wait.ended, ended) - max(wait.begun, begun), wait) for wait in waits if wait.by_migration]
    return max((one for one in shared if one[0] > 0), key=lambda one: one[0], default=(0.0, None))[1]


def _points(requests: _Requests) -> Iterator[TimelinePoint]:
    """The leg in ``POINTS`` parts of equal length."""
    width = max(float(requests.due.max()) / POINTS, 1e-3)
    places = (requests.due / width).astype(np.int64)
    for place in np.unique(places):
        here = places == place
        longest, failures = float(requests.latency_ms[here].max()), int(requests.failed[here].sum())
        yield TimelinePoint((float(place) + 0.5) * width, longest, failures)
