"""Capacity search: the requests of one try, and whether they met the limits.

The generator judges each try during the search; the analysis judges it again from the samples.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from harness.metrics import METRICS, RequestCounts
from harness.plan.expectation import Expectation
from harness.plan.search import Try, TryOutcome
from harness.statistics.percentiles import percentile

MIN_STARTED_SHARE = 0.99
"""Below this share of the planned arrivals, a stage did not have its planned load."""


MAX_CPU_SHARE = 0.8
"""CPU share of the generator above which a missed try is void."""


def limits_met(limits: Iterable[Expectation], value: Callable[[str], float | None]) -> bool:
    """Whether all values of a stage, by metric, are within the limits; an unmeasured metric is not."""
    found = ((limit, value(limit.metric.name)) for limit in limits)
    return all(measured is not None and limit.allows(measured) for limit, measured in found)


@dataclass(frozen=True, slots=True)
class TryRequests:
    """Requests as parallel columns, in ns since the leg's origin: due, sent, duration, success."""

    due_ns: NDArray[np.int64]
    sent_ns: NDArray[np.int64]
    duration_ns: NDArray[np.int64]
    ok: NDArray[np.bool_]

    def within(self, start: float, end: float) -> "TryRequests":
        """The requests due in ``[start, end)``, in seconds since the origin."""
        inside = (self.due_ns >= round(start * 1e9)) & (self.due_ns < round(end * 1e9))
        return TryRequests(self.due_ns[inside], self.sent_ns[inside], self.duration_ns[inside], self.ok[inside])

    @property
    def punctual(self) -> "TryRequests":
        """The same requests, each due when it was sent."""
        return replace(self, due_ns=self.sent_ns)

    def value(self, metric: str, seconds: float) -> float | None:
        """The value of a metric over ``seconds``, in its stored unit; ``None`` without samples."""
        definition, successes = METRICS[metric], int(self.ok.sum())
        if definition.from_counts is not None:
            return definition.from_counts(
                RequestCounts(requests=len(self.ok), failures=len(self.ok) - successes, seconds=seconds)
            )
        waited_ns = 0 if definition.from_sending else self.sent_ns - self.due_ns
        latency_ns = (waited_ns + self.duration_ns)[self.ok]
        if not len(latency_ns):
            return None
        if definition.from_latencies is not None:
            return definition.from_latencies(latency_ns)
        return percentile(latency_ns / 1e6, definition.quantile) if definition.quantile is not None else None


def judge_try(limits: Iterable[Expectation], tried: Try, answers: TryRequests) -> TryOutcome:
    """The outcome of one try, from its own requests.

    A try that missed is void when the generator may be the cause: it was busy, it started less than 99 % of the
    arrivals although users were free, or the limits would have been met without its scheduling delay. A try that held
    stays held: delays of the generator only lengthen latencies.
    """
    inside, limits = answers.within(tried.measured_from, tried.end), tuple(limits)
    enough = tried.started >= MIN_STARTED_SHARE * tried.planned

    def met(requests: TryRequests) -> bool:
        return limits_met(limits, lambda metric: requests.value(metric, tried.seconds))

    if enough and not tried.cut and not tried.unanswered and met(inside):
        return TryOutcome.HELD
    exhausted = tried.most_users >= tried.users
    if tried.cpu_share > MAX_CPU_SHARE or (not exhausted and not tried.unanswered and met(inside.punctual)):
        return TryOutcome.VOID
    return TryOutcome.MISSED if enough or exhausted or tried.cut else TryOutcome.VOID
