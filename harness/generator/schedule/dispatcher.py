"""Dispatcher: gives each arrival of an open plan to a free user at the moment it is due.

An arrival is one task of one user: the user that has been free longest; users' own wait times are not used. Some more
users exist than are busy, up to the stage's limit. An arrival without a free user waits; its latency counts from its
due time. Users whose class has a ``fixed_count`` keep their wait times.
"""

import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from itertools import accumulate, chain
from typing import Any

import gevent
import numpy as np
from gevent.hub import get_hub, getcurrent
from locust import User, runners
from locust.exception import StopUser
from locust.user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_STOPPING, LOCUST_STATE_WAITING
from numpy.typing import NDArray

from harness.generator.http.client import pace_tasks
from harness.generator.recording.latency_histogram import bucket, quantile
from harness.generator.schedule.arrivals import ArrivalCounts, Share, due_times
from harness.generator.schedule.timer import Timer
from harness.generator.users import open_user_classes
from harness.plan.model import Plan
from harness.record.generation import OfferedLoad

MIN_SPARE, SPARE_SHARE = 10, 4
"""Free users: at least this many, or one for this many busy users."""
SPARE_SECONDS, MAX_RESERVED, AHEAD_NS = 0.1, 100, 1_000_000_000
"""Free users for the arrivals of 0.1 s, at most 100, are ready a second before their stage begins."""
MAX_ADDED, MAX_ADDED_AHEAD, ADDING_NS = 100, 5, 5_000_000
"""Users added at a time, as adding one costs as much as several requests; fewer, every 5 ms, while no arrival waits."""
MAX_CONSECUTIVE = 50
"""Tasks of a user without a pause, before it lets other greenlets run."""
MAX_DISPATCH_NS = 2_000_000
"""Time of dispatching without a pause, before it lets other greenlets run; arrivals due meanwhile count as late."""
RETRY_NS = 1_000_000_000
"""Pause before the next user is added after one that ended before its first task."""


class Dispatcher:
    """The arrivals of one process in a leg: all of them, or its ``share``, ``(index, of)``."""

    def __init__(
        self, plan: Plan, users: Sequence[type[User]], runner: runners.Runner, seed: int, share: Share = (0, 1)
    ) -> None:
        self.runner = runner
        self.due_by_greenlet: dict[Any, int] = {}
        """Due time of the arrival that the user in a greenlet has started, in ns since the origin."""
        self._share, self._origin_ns = share, 0
        self._fixed = [kind for kind in users if kind.fixed_count]
        self._user_counts = dict.fromkeys(open_user_classes(users), 0)
        self._chunks = _in_ns(plan, seed, share)
        self._upcoming: Iterator[int] = iter(())
        self._next = self._take_due()
        self._lags: Counter[int] = Counter()
        self._counts = [ArrivalCounts(stage.title, self._share_of(stage.users), self._lags) for stage in plan.stages]
        self._searches = plan.searched is not None
        self._ends_ns = [round(end * 1e9) for end in accumulate(stage.seconds for stage in plan.stages)]
        self._spares = [min(round(stage.load * SPARE_SECONDS / share[1]), MAX_RESERVED) for stage in plan.stages]
        self._stage = self._ahead = 0
        self._retry_at_ns = 0
        self._slots: dict[Any, _UserSlot] = {}
        self._free: deque[_UserSlot] = deque()
        self._waiting: deque[tuple[int, ArrivalCounts]] = deque()
        self.busy_users = self._running = 0
        self._timer = Timer(self._dispatch_due)
        self._stopped = False

    def start(self, origin_ns: int) -> None:
        """Dispatch arrivals from ``origin_ns`` on (``time.perf_counter_ns``); users start before it."""
        self._origin_ns = origin_ns
        pace_tasks(self.wait_for_arrival)
        environment = self.runner.environment
        environment.events.test_start.fire(environment=environment)
        self.runner.update_state(runners.STATE_RUNNING)
        gevent.spawn_later(max(origin_ns - time.perf_counter_ns(), 0) / 1e9, self._add_fixed)
        self._dispatch_due()

    def stop(self) -> None:
        """Start no further arrival; those that wait or are overdue are dropped."""
        if self._stopped:
            return
        self._stopped = True
        self._timer.close()
        self._waiting.clear()
        self._count_overdue(min(time.perf_counter_ns() - self._origin_ns, self._ends_ns[-1]))

    @property
    def waiting_arrivals(self) -> int:
        return len(self._waiting)

    @property
    def lag_p99_ms(self) -> float:
        """Scheduling delay of arrivals for which a user was free, 99th percentile, to 2 %."""
        return quantile(self._lags, 0.99) or 0.0

    def offered(self) -> tuple[OfferedLoad, ...]:
        counted = self._counts[:-1] if self._searches else self._counts
        return tuple(OfferedLoad(t.stage, t.planned, t.started, t.late, t.max_busy) for t in counted)

    def offer(self, dues_ns: NDArray[np.int64]) -> ArrivalCounts:
        """Dispatch further arrivals at these times, in the last stage; returns their counts, which go on changing."""
        last = self._counts[-1]
        counts = self._counts[-1] = ArrivalCounts(last.stage, last.limit, Counter())
        self._upcoming = iter(dues_ns.tolist())
        self._next = self._take_due()
        if self._next is not None:
            self._timer.set(self._origin_ns + self._next)
        return counts

    def drop_waiting(self, until_ns: int) -> None:
        """Drop the arrivals that wait, and start no further one until the next ``offer``."""
        self._count_overdue(until_ns)
        self._waiting.clear()

    def wait_for_arrival(self, user: User) -> None:
        """Called by a user whose task is done: wait for the next arrival."""
        greenlet = getcurrent()
        slot = self._slots.get(greenlet)
        if slot is None:
            slot = self._slots[greenlet] = _UserSlot(greenlet)
        self._release(slot)
        if self._waiting and slot.consecutive < MAX_CONSECUTIVE and not self._at_limit:
            slot.consecutive += 1
            self._begin(slot, *self._waiting.popleft(), late=True)
            return
        slot.consecutive = 0
        self._free.append(slot)
        if self._waiting:
            gevent.get_hub().loop.run_callback(self._assign_waiting)
        user._state = LOCUST_STATE_WAITING  # noqa: SLF001 - as Locust's own wait does
        while not slot.busy:
            get_hub().switch()
        if user._state == LOCUST_STATE_STOPPING:  # noqa: SLF001
            raise StopUser
        user._state = LOCUST_STATE_RUNNING  # noqa: SLF001

    def _dispatch_due(self) -> None:
        """Dispatch the arrivals that are due, and set the timer to the next."""
        now = time.perf_counter_ns() - self._origin_ns
        while self._next is not None and self._next <= now:
            due, self._next = self._next, self._take_due()
            self._stage = self._stage_of(due, self._stage)
            counts = self._counts[self._stage]
            counts.planned += 1
            if self._waiting or not self._assign(due, counts, late=False):
                self._waiting.append((due, counts))
            if time.perf_counter_ns() - self._origin_ns > now + MAX_DISPATCH_NS:
                break
        self._ahead = self._stage_of(now + AHEAD_NS, self._ahead)
        more = self._add_users()
        if self._next is not None and not self._stopped:
            early = now + ADDING_NS if more else self._ends_ns[self._ahead] - AHEAD_NS
            self._timer.set(self._origin_ns + min(self._next, max(early, now + ADDING_NS)))

    def _take_due(self) -> int | None:
        """The due time of the next arrival; ``None`` after the last."""
        due = next(self._upcoming, None)
        while due is None and (chunk := next(self._chunks, None)) is not None:
            self._upcoming = iter(chunk.tolist())
            due = next(self._upcoming, None)
        return due

    def _stage_of(self, at_ns: int, stage: int) -> int:
        while stage < len(self._ends_ns) - 1 and at_ns >= self._ends_ns[stage]:
            stage += 1
        return stage

    def _count_overdue(self, until_ns: int) -> None:
        """Count arrivals that were due but not dispatched, because this process was too slow, as planned; drop them."""
        left = [] if self._next is None else [self._next, *self._upcoming]
        self._next, self._upcoming = None, iter(())
        for chunk in chain([np.array(left, dtype=np.int64)], self._chunks):
            overdue = chunk[chunk < until_ns]
            stages = np.searchsorted(self._ends_ns[:-1], overdue, side="right")
            for counts, count in zip(self._counts, np.bincount(stages, minlength=len(self._counts)), strict=True):
                counts.planned += int(count)
            if len(overdue) < len(chunk) or not len(chunk):
                return
            gevent.sleep(0)

    def _assign(self, due: int, counts: ArrivalCounts, *, late: bool) -> bool:
        while self._free and not self._at_limit:
            slot = self._free.popleft()
            if slot.greenlet in self._slots:
                self._begin(slot, due, counts, late=late)
                slot.greenlet.switch()
                return True
        return False

    def _assign_waiting(self) -> None:
        while self._waiting and self._free and not self._at_limit:
            arrival = self._waiting.popleft()
            if not self._assign(*arrival, late=True):
                self._waiting.appendleft(arrival)
        self._add_users()

    def _begin(self, slot: "_UserSlot", due: int, counts: ArrivalCounts, *, late: bool) -> None:
        slot.busy = True
        self.busy_users += 1
        counts.started += 1
        counts.late += late
        counts.max_busy = max(counts.max_busy, self.busy_users)
        self.due_by_greenlet[slot.greenlet] = due
        if not late:
            counts.lags[bucket((time.perf_counter_ns() - self._origin_ns - due) / 1e6)] += 1

    def _release(self, slot: "_UserSlot") -> None:
        if slot.busy:
            slot.busy = False
            self.busy_users -= 1

    @property
    def _at_limit(self) -> bool:
        return self.busy_users >= self._counts[self._stage].limit

    def _add_users(self) -> bool:
        """Add users until enough are free; returns whether some are still missing."""
        if self._stopped or not self._user_counts:
            return False
        if time.perf_counter_ns() < self._retry_at_ns:
            return True
        spare = max(MIN_SPARE, self._spares[self._ahead], self.busy_users // SPARE_SHARE, len(self._waiting))
        wanted = min(self.busy_users + spare, self._counts[self._stage].limit) - self._running
        added = min(wanted, MAX_ADDED if self._waiting else MAX_ADDED_AHEAD)
        for _ in range(added):
            kind = min(self._user_counts, key=lambda kind: (self._user_counts[kind] + 0.5) / kind.weight)
            self._user_counts[kind] += 1
            self._running += 1
            self._add(kind).rawlink(lambda greenlet, kind=kind: self._on_user_end(greenlet, kind))
        return wanted > added

    def _add_fixed(self) -> None:
        for kind in () if self._stopped else self._fixed:
            for _ in range(self._share_of(kind.fixed_count)):
                self._add(kind)

    def _add(self, kind: type[User]) -> Any:  # noqa: ANN401 - the greenlet, which Locust leaves untyped
        return kind(self.runner.environment).start(self.runner.user_greenlets)

    def _on_user_end(self, greenlet: Any, kind: type[User]) -> None:  # noqa: ANN401
        self._running -= 1
        self._user_counts[kind] -= 1
        self.due_by_greenlet.pop(greenlet, None)
        if slot := self._slots.pop(greenlet, None):
            self._release(slot)
        else:
            self._retry_at_ns = time.perf_counter_ns() + RETRY_NS
        if self._waiting:
            self._assign_waiting()

    def _share_of(self, users: int) -> int:
        index, of = self._share
        return users // of + (index < users % of)


class _UserSlot:
    def __init__(self, greenlet: Any) -> None:  # noqa: ANN401 - untyped
        self.greenlet, self.busy, self.consecutive = greenlet, False, 0


def _in_ns(plan: Plan, seed: int, share: Share) -> Iterator[NDArray[np.int64]]:
    """Due times in ns since the origin, in chunks; without the stage of a capacity search."""
    planned = [stage for stage in plan.stages if stage.search is None]
    for times in due_times(planned, plan.load.arrivals or "poisson", seed, share):
        yield (times * 1e9).astype(np.int64)
