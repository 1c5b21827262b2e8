"""Abort watch: checks every second whether a limit of the plan for ending the load early is broken.

Every leg is watched, so that all arms have the same overhead; only legs of the arms that an abort names are ended.
A request counts in the second of its response. Latencies are kept in a histogram, accurate to 2 %, so that those of
several processes add up.
"""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate

from harness.generator.recording.latency_histogram import bucket, quantile
from harness.metrics import RequestCounts
from harness.plan.aborts import Abort
from harness.plan.model import Plan
from harness.record.generation import Aborted

ABORTED_STOP_SECONDS = 5.0
"""Time for users to end after an abort."""
EndpointLatency = tuple[str, float | None]
"""Endpoint and latency in ms; ``None`` for a failure."""


@dataclass(slots=True)
class SliceCounts:
    """The responses between two checks of a rule."""

    requests: int = 0
    failures: int = 0
    buckets: "Counter[int]" = field(default_factory=Counter)
    seconds: float = 0.0

    def add(self, requests: int, failures: int, buckets: "Counter[int]") -> None:
        self.requests += requests
        self.failures += failures
        self.buckets.update(buckets)


class AbortWatch:
    """The aborts of a plan in a leg of ``arm``; a listener of the recorder.

    One process calls ``check``; with several, each worker calls ``drain`` and the master ``merge`` and ``check``.
    """

    def __init__(self, plan: Plan, arm: str) -> None:
        self._responses: list[EndpointLatency] = []
        self._rules = [_Rule(abort, *_watched(plan, abort), acts=arm in abort.arms) for abort in plan.aborts]

    def put(self, due_ns: int, sent_ns: int, duration_ns: int, *, ok: bool, endpoint: str) -> None:
        self._responses.append((endpoint, (sent_ns + duration_ns - due_ns) / 1e6 if ok else None))

    def _count(self) -> None:
        """Count the responses since the last call; counting each one as it comes would cost every request more."""
        found, self._responses = self._responses, []
        for rule in self._rules:
            endpoint = rule.abort.endpoint
            own = [one for one in found if endpoint is None or one[0] == endpoint]
            latencies = [latency for _, latency in own if latency is not None]
            rule.current.add(len(own), len(own) - len(latencies), Counter(map(bucket, latencies)))

    def drain(self) -> list[tuple[int, int, dict[int, int]]]:
        """The counts since the last call, by abort: requests, failures, latencies by histogram bucket."""
        self._count()
        parts = [(rule.current.requests, rule.current.failures, dict(rule.current.buckets)) for rule in self._rules]
        for rule in self._rules:
            rule.current = SliceCounts()
        return parts

    def merge(self, parts: Iterable[tuple[int, int, dict[int, int]]]) -> None:
        for rule, (requests, failures, buckets) in zip(self._rules, parts, strict=True):
            rule.current.add(requests, failures, Counter(buckets))

    def check(self, second: float) -> Aborted | None:
        """End the current slice, ``second`` seconds into the leg; returns the first broken limit, if any."""
        self._count()
        broken = [found for rule in self._rules if (found := rule.check(second))]
        return broken[0] if broken else None


class _Rule:
    """One abort: its window so far, and the seconds in which it is watched."""

    def __init__(self, abort: Abort, begin: float, end: float, *, acts: bool) -> None:
        self.abort, self.begin, self.end, self.acts = abort, begin, end, acts
        self.condition = abort.limit
        self.current = SliceCounts()
        self._window: deque[SliceCounts] = deque(maxlen=self.condition.seconds)
        self._checked_at = 0.0

    def check(self, second: float) -> Aborted | None:
        """As ``AbortWatch.check``. A slice counts where its middle is watched."""
        latest, self.current = self.current, SliceCounts()
        latest.seconds, middle, self._checked_at = second - self._checked_at, (self._checked_at + second) / 2, second
        if latest.seconds <= 0 or not self.begin <= middle < self.end:
            self._window.clear()
            return None
        self._window.append(latest)
        if len(self._window) < self.condition.seconds or not self.acts:
            return None
        together = SliceCounts()
        for part in self._window:
            together.add(part.requests, part.failures, part.buckets)
            together.seconds += part.seconds
        counts = RequestCounts(requests=together.requests, failures=together.failures, seconds=together.seconds)
        value = self.condition.value(counts, partial(quantile, together.buckets))
        if value is None or not self.condition.beyond.exceeded_by(value):
            return None
        return Aborted(self.abort.when, self.abort.stage, self.abort.endpoint, second, value)


def _watched(plan: Plan, abort: Abort) -> tuple[float, float]:
    ends = list(accumulate(stage.seconds for stage in plan.stages))
    if abort.stage is None:
        return abort.grace_seconds, ends[-1]
    titles = [stage.title for stage in plan.stages]
    index = titles.index(abort.stage)
    return ends[index] - plan.stages[index].seconds + abort.grace_seconds, ends[index]
