"""The tries of a capacity search: their requests, and whether these met the limits.

The generator judges a try while it searches; the analysis judges it once more from the samples.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from harness.metrics import METRICS, RequestCounts
from harness.plan.expectation import Expectation
from harness.plan.search import Try, TryOutcome
from harness.statistics.percentiles import percentile

LEAST_STARTED = 0.99
"""Less of its planned arrivals, and a stage is not the stage that was planned."""


MOST_CPU_SHARE = 0.8
"""Of a generator whose work can be told from that of the system it asks."""


def holds(limits: Iterable[Expectation], value: Callable[[str], float | None]) -> bool:
    """Whether the values of a stage, by metric, are all within the limits; what was not measured is not."""
    found = ((limit, value(limit.metric.name)) for limit in limits)
    return all(measured is not None and limit.allows(measured) for limit, measured in found)


@dataclass(frozen=True, slots=True)
class TryRequests:
    """Requests as parallel columns: when each was due and sent, how long it took, and whether it succeeded."""

    due_ns: NDArray[np.int64]
    sent_ns: NDArray[np.int64]
    duration_ns: NDArray[np.int64]
    ok: NDArray[np.bool_]

    def within(self, start: float, end: float) -> "TryRequests":
        """Those that were due from ``start`` on and before ``end``, in seconds since the origin."""
        inside = (self.due_ns >= round(start * 1e9)) & (self.due_ns < round(end * 1e9))
        return TryRequests(self.due_ns[inside], self.sent_ns[inside], self.duration_ns[inside], self.ok[inside])

    @property
    def punctual(self) -> "TryRequests":
        """The same as if each had been sent when it was due."""
        return replace(self, due_ns=self.sent_ns)

    def value(self, metric: str, seconds: float) -> float | None:
        """The value of a metric that a search can go by, over all of them in so many seconds; ``None``: not known."""
        said, successes = METRICS[metric], int(self.ok.sum())
        if said.from_counts is not None:
            return said.from_counts(
                RequestCounts(requests=len(self.ok), failures=len(self.ok) - successes, seconds=seconds)
            )
        waited_ns = 0 if said.from_sending else self.sent_ns - self.due_ns
        latency_ns = (waited_ns + self.duration_ns)[self.ok]
        if not len(latency_ns):
            return None
        if said.from_latencies is not None:
            return said.from_latencies(latency_ns)
        return percentile(latency_ns / 1e6, said.quantile) if said.quantile is not None else None


def judge_try(limits: Iterable[Expectation], tried: Try, answers: TryRequests) -> TryOutcome:
    """What one try says of its load, from its own requests.

    A try that missed is void when the generator may be why: it was busy, it began less than 99 % of the arrivals
    although users were free, or the limits would have been met had every request been sent when it was due. A try that
    held is held even so: what the generator adds to a latency only lengthens it.
    """
    inside, limits = answers.within(tried.measured_from, tried.end), tuple(limits)
    enough = tried.started >= LEAST_STARTED * tried.planned

    def met(asked: TryRequests) -> bool:
        return holds(limits, lambda metric: asked.value(metric, tried.seconds))

    if enough and not tried.cut and not tried.unanswered and met(inside):
        return TryOutcome.HELD
    exhausted = tried.most_users >= tried.users
    if tried.cpu_share > MOST_CPU_SHARE or (not exhausted and not tried.unanswered and met(inside.punctual)):
        return TryOutcome.VOID
    return TryOutcome.MISSED if enough or exhausted or tried.cut else TryOutcome.VOID
