"""The capacity search of a leg: try a load, judge it by its own requests, choose the next."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import gevent
import numpy as np

from harness.generator.recording.latency_histogram import quantile
from harness.generator.recording.recorder import Recorder
from harness.generator.recording.self_monitor import SelfMonitor
from harness.generator.schedule.arrivals import times_of_try
from harness.plan.model import Plan
from harness.plan.search import Ending, Searched, Try, TryOutcome, next_load
from harness.plan.stages import Search, Stage
from harness.record.capacity_tries import judge_try
from harness.record.leg import Window, windows_of

if TYPE_CHECKING:
    from harness.generator.schedule.dispatcher import Dispatcher

from array import array
from collections.abc import Iterable
from fractions import Fraction

from harness.plan.expectation import Expectation
from harness.record.capacity_tries import TryRequests

POLL_SECONDS = 0.1
LEAD_SECONDS = 0.05
"""Time from a decision to the first arrival."""
DRAIN_SECONDS = 20.0
"""Longest wait for the last responses before the next try."""
BACKLOG_SECONDS = 1.0
"""A try is cut when arrivals of this time, plus the latency limit, are unanswered."""


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
        """Whether the limit is lost; ``planned``: counted arrivals of the try; ``due``: those older than the limit."""
        overdue = max(due - self.responses, 0)
        requests = planned * max(1.0, self.responses / due) if due else planned  # a task may make several
        return self.late + overdue > requests * (1 - self._quantile) + 1

    def requests(self) -> TryRequests:
        due, sent, duration = (np.array(column, dtype=np.int64) for column in (self._due, self._sent, self._duration))
        return TryRequests(due, sent, duration, np.array(self._ok, dtype=np.bool_))


class CapacitySearch:
    """The search of one leg; it begins after the stages before it."""

    def __init__(self, plan: Plan, stage: Stage, search: Search, seed: int) -> None:
        self._plan, self._stage, self._search, self._seed = plan, stage, search, seed
        self._from = plan.seconds - stage.seconds
        self.tries: list[Try] = []

    def run(self, recorder: Recorder, dispatcher: "Dispatcher", monitor: SelfMonitor) -> Searched:
        """Wait for the start of the stage and try loads until the search or its time ends."""
        gevent.sleep(max(self._from - recorder.second(), 0))
        monitor.records_lag = False
        dispatcher.drop_waiting(recorder.now_ns())
        _wait_until_idle(dispatcher)
        while True:
            load = next_load(self._search, [(tried.load, tried.word) for tried in self.tries])
            if not isinstance(load, Ending):
                over = recorder.second() + LEAD_SECONDS + self._search.seconds
                load = Ending.TIME if over > self._plan.seconds else load
            if isinstance(load, Ending):
                return Searched(self._stage.title, tuple(self.tries), load, self._search.confirm)
            self.tries.append(self._try(load, recorder, dispatcher))

    def windows(self, end: float) -> tuple[Window, ...]:
        """The windows of all stages; that of the search is as long as the search took."""
        *before, last = windows_of(self._plan.stages)
        return (*before, replace(last, measured_from=end, end=end))

    def _try(self, load: float, recorder: Recorder, dispatcher: "Dispatcher") -> Try:
        attempt = 1 + sum(tried.load == load for tried in self.tries)
        spacing = self._plan.load.arrivals or "poisson"
        start = recorder.second() + LEAD_SECONDS
        measured_from, end = start + self._search.settle_seconds, start + self._search.seconds
        due_s = start + times_of_try(load, self._search.seconds, spacing, self._seed, attempt)
        dues_ns = (due_s * 1e9).astype(np.int64)
        window = TryWindow(self._plan.limits, round(measured_from * 1e9))
        recorder.listener = window.put
        cpu, wall = time.process_time(), time.perf_counter()
        counts = dispatcher.offer(dues_ns)
        counted = dues_ns[dues_ns >= round(measured_from * 1e9)]
        backlog = load * (BACKLOG_SECONDS + window.limit_ms / 1000)
        cut = False
        while not cut and (left := end - recorder.second()) > 0:
            gevent.sleep(min(POLL_SECONDS, left))
            late_ns = recorder.now_ns() - round(window.limit_ms * 1e6)
            lost = window.is_lost(len(counted), int(np.searchsorted(counted, late_ns)))
            cut = recorder.second() < end and (lost or dispatcher.busy_users + dispatcher.waiting_arrivals > backlog)
        end = recorder.second() if cut else end
        dispatcher.drop_waiting(round(end * 1e9))
        share = (time.process_time() - cpu) / max(time.perf_counter() - wall, 1e-9)
        _wait_until_idle(dispatcher)
        recorder.listener = None
        planned = int(np.searchsorted(counted, round(end * 1e9)))
        tried = Try(
            load=load,
            attempt=attempt,
            start=start,
            measured_from=min(measured_from, end),
            end=end,
            planned=planned,
            started=max(planned - (counts.planned - counts.started), 0),
            unanswered=dispatcher.busy_users,
            cut=cut,
            users=counts.limit,
            most_users=counts.max_busy,
            cpu_share=share,
            lag_p99_ms=quantile(counts.lags, 0.99),
            word=TryOutcome.VOID,
        )
        return replace(tried, word=judge_try(self._plan.limits, tried, window.requests()))


def capacity_search_of(plan: Plan, seed: int) -> CapacitySearch | None:
    """The search of a plan; ``None`` when it has none."""
    stage = plan.searched
    return CapacitySearch(plan, stage, stage.search, seed) if stage and stage.search else None


def _wait_until_idle(dispatcher: "Dispatcher") -> None:
    deadline = time.monotonic() + DRAIN_SECONDS
    while dispatcher.busy_users and time.monotonic() < deadline:
        gevent.sleep(POLL_SECONDS / 5)
