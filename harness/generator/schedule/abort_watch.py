"""Danger watch: whether, second by second, a limit of the plan for ending the load early is broken.

Every leg is watched, so that no arm has work that the other has not; only legs of the arms that an abort names are
ended. Requests count for the second in which they were answered; latencies are kept to 2 %, so that those of several
processes add up.
"""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate

from harness.generator.recording.latency_histogram import quantile, step
from harness.plan.aborts import Abort
from harness.plan.model import Plan
from harness.record.generation import Aborted

ABORTED_STOP_SECONDS = 5.0
"""How long users may take to end when the load is ended early."""
Answer = tuple[str, float | None]
"""The endpoint, and the latency in ms; ``None``: it failed."""


@dataclass(slots=True)
class Slice:
    """What was answered between two looks."""

    requests: int = 0
    failures: int = 0
    steps: "Counter[int]" = field(default_factory=Counter)
    seconds: float = 0.0

    def take(self, requests: int, failures: int, steps: "Counter[int]") -> None:
        """Add what one process was answered."""
        self.requests += requests
        self.failures += failures
        self.steps.update(steps)


class AbortWatch:
    """The aborts of a plan, in a leg of ``arm``. A tap of the recorder; then ``look``, or ``drain`` for who does."""

    def __init__(self, plan: Plan, arm: str) -> None:
        self._answers: list[Answer] = []
        self._rules = [_Rule(abort, *_watched(plan, abort), acts=arm in abort.arms) for abort in plan.aborts]

    def put(self, due_ns: int, sent_ns: int, duration_ns: int, *, ok: bool, endpoint: str) -> None:
        """Take in a request that was answered, or failed."""
        self._answers.append((endpoint, (sent_ns + duration_ns - due_ns) / 1e6 if ok else None))

    def _settle(self) -> None:
        """Count what was taken in since the last time: not request by request, which would cost each more."""
        found, self._answers = self._answers, []
        for rule in self._rules:
            own = found if rule.abort.endpoint is None else [one for one in found if one[0] == rule.abort.endpoint]
            latencies = [latency for _, latency in own if latency is not None]
            rule.current.take(len(own), len(own) - len(latencies), Counter(map(step, latencies)))

    def drain(self) -> list[tuple[int, int, dict[int, int]]]:
        """What was added since the last call, by abort, for a process that looks for all: see ``merge``."""
        self._settle()
        parts = [(rule.current.requests, rule.current.failures, dict(rule.current.steps)) for rule in self._rules]
        for rule in self._rules:
            rule.current = Slice()
        return parts

    def merge(self, parts: Iterable[tuple[int, int, dict[int, int]]]) -> None:
        """Take in what another process drained."""
        for rule, (requests, failures, steps) in zip(self._rules, parts, strict=True):
            rule.current.take(requests, failures, Counter(steps))

    def look(self, second: float) -> Aborted | None:
        """End the current second, ``second`` seconds into the leg; returns what breaks a limit, if anything does."""
        self._settle()
        broken = [found for rule in self._rules if (found := rule.look(second))]
        return broken[0] if broken else None


class _Rule:
    """One abort: its window so far, and between which seconds it is watched."""

    def __init__(self, abort: Abort, begin: float, end: float, *, acts: bool) -> None:
        self.abort, self.begin, self.end, self.acts = abort, begin, end, acts
        self.limit = abort.limit
        self.current = Slice()
        self._window: deque[Slice] = deque(maxlen=self.limit.seconds)
        self._looked = 0.0

    def look(self, second: float) -> Aborted | None:
        """As of ``AbortWatch``: a second belongs to what is watched when its middle does."""
        latest, self.current = self.current, Slice()
        latest.seconds, middle, self._looked = second - self._looked, (self._looked + second) / 2, second
        if latest.seconds <= 0 or not self.begin <= middle < self.end:
            self._window.clear()
            return None
        self._window.append(latest)
        if len(self._window) < self.limit.seconds or not self.acts:
            return None
        together = Slice()
        for part in self._window:
            together.take(part.requests, part.failures, part.steps)
            together.seconds += part.seconds
        value = self.limit.value(
            together.requests, together.failures, together.seconds, partial(quantile, together.steps)
        )
        if value is None or not self.limit.broken(value):
            return None
        return Aborted(self.abort.when, self.abort.stage, self.abort.endpoint, second, value)


def _watched(plan: Plan, abort: Abort) -> tuple[float, float]:
    """Between which seconds of the leg an abort is watched."""
    ends = list(accumulate(stage.seconds for stage in plan.stages))
    if abort.stage is None:
        return abort.grace_seconds, ends[-1]
    titles = [stage.title for stage in plan.stages]
    index = titles.index(abort.stage)
    return ends[index] - plan.stages[index].seconds + abort.grace_seconds, ends[index]
