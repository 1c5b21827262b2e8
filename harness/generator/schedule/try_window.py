"""The requests of one try of a capacity search, and whether its limits can still be met."""

from array import array
from collections.abc import Iterable
from fractions import Fraction

import numpy as np

from harness.plan.expectation import Expectation
from harness.record.capacity_tries import TryRequests


class TryWindow:
    """The requests of one try; those due from ``from_ns`` on count."""

    def __init__(self, limits: Iterable[Expectation], from_ns: int) -> None:
        known = [(limit.limit, limit.metric.quantile) for limit in limits if limit.below and limit.metric.quantile]
        self.limit_ms, self._quantile = min(known, default=(10_000.0, Fraction(1)))  # no limit: 10 s
        self._from_ns, self._limit_ns = from_ns, self.limit_ms * 1e6
        self._due, self._sent, self._duration, self._ok = array("q"), array("q"), array("q"), array("B")
        self.responses = self.late = 0

    def put(self, due_ns: int, sent_ns: int, duration_ns: int, *, ok: bool, endpoint: str = "") -> None:  # noqa: ARG002
        self._due.append(due_ns)
        self._sent.append(sent_ns)
        self._duration.append(duration_ns)
        self._ok.append(ok)
        if due_ns >= self._from_ns:
            self.responses += 1
            self.late += ok and sent_ns - due_ns + duration_ns > self._limit_ns

    def is_lost(self, planned: int, due: int) -> bool:
        """Whether so many responses are late that the limit cannot be met any more.

        Args:
            planned: counted arrivals of the whole try.
            due: those that have been due for longer than ``limit_ms``: without a response by now they are late.
        """
        overdue = max(due - self.responses, 0)
        requests = planned * max(1.0, self.responses / due) if due else planned  # a task may make several
        return self.late + overdue > requests * (1 - self._quantile) + 1

    def requests(self) -> TryRequests:
        due, sent, duration = (np.array(column, dtype=np.int64) for column in (self._due, self._sent, self._duration))
        return TryRequests(due, sent, duration, np.array(self._ok, dtype=np.bool_))
