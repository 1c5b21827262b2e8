"""Dispatcher: gives each arrival of an open plan to a free user at the moment it is due.

An arrival is one task of one user, whoever is free for longest; the users' own wait times play no part. There are
always some more users than are at work, up to the stage's limit. An arrival that finds nobody free waits, and its
latency counts from when it was due all the same. Users whose class has a ``fixed_count`` keep their own pace beside it.
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

from harness.generator.recording.latency_histogram import quantile, step
from harness.generator.schedule.arrival_counts import ArrivalCounts
from harness.generator.schedule.arrivals import due_times
from harness.generator.schedule.task_pacing import pace
from harness.generator.schedule.timer import Timer
from harness.generator.users import takers
from harness.plan.model import Plan
from harness.record.generation import OfferedLoad

LEAST_SPARE, SPARE_SHARE = 10, 4
"""So many users are kept beside those at work, at least, or one for so many of them."""
SPARE_SECONDS, MOST_RESERVED, AHEAD_NS = 0.1, 100, 1_000_000_000
"""Users for so many seconds' arrivals, and no more, are kept for the stage that runs a moment later."""
MOST_ADDED, MOST_ADDED_AHEAD, ADDING_NS = 100, 5, 5_000_000
"""At once, because adding one costs as much as several requests; and fewer, so often, while no arrival waits for it."""
IN_A_ROW = 50
"""After so many tasks without a pause a user lets others have their turn."""
TURN_NS = 2_000_000
"""After so long without a pause arrivals let others have their turn; what is due then is late, and seen to be."""
UNREADY_NS = 1_000_000_000
"""After a user that ended before its first task none is added for so long: the next may well end as it did."""


class Dispatcher:
    """The arrivals of one process in a leg, or its ``share`` of them: ``(index, of)``."""

    def __init__(
        self,
        plan: Plan,
        users: Sequence[type[User]],
        runner: runners.Runner,
        seed: int,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        self.runner = runner
        self.dues: dict[Any, int] = {}
        """When the arrival was due, in ns since the origin, that the user in a greenlet has begun with."""
        self._share, self._origin_ns = share, 0
        self._fixed = [kind for kind in users if kind.fixed_count]
        self._kinds = dict.fromkeys(takers(users), 0)
        self._chunks = _in_ns(plan, seed, share)
        self._coming: Iterator[int] = iter(())
        self._next = self._following()
        self._lags: Counter[int] = Counter()
        self._tallies = [ArrivalCounts(stage.title, self._part(stage.users), self._lags) for stage in plan.stages]
        self._searches = plan.searched is not None
        self._ends_ns = [round(end * 1e9) for end in accumulate(stage.seconds for stage in plan.stages)]
        self._spares = [min(round(stage.load * SPARE_SECONDS / share[1]), MOST_RESERVED) for stage in plan.stages]
        self._stage = self._ahead = 0
        self._unready_until_ns = 0
        self._turns: dict[Any, _Turn] = {}
        self._free: deque[_Turn] = deque()
        self._waiting: deque[tuple[int, ArrivalCounts]] = deque()
        self._busy = self._there = 0
        self._alarm = Timer(self._ring)
        self._over = False

    def start(self, origin_ns: int) -> None:
        """Begin: arrivals are due from ``origin_ns`` on, on ``time.perf_counter_ns``; until then users get ready."""
        self._origin_ns = origin_ns
        pace(self.take)
        environment = self.runner.environment
        environment.events.test_start.fire(environment=environment)
        self.runner.update_state(runners.STATE_RUNNING)
        gevent.spawn_later(max(origin_ns - time.perf_counter_ns(), 0) / 1e9, self._add_fixed)
        self._ring()

    def stop(self) -> None:
        """Begin with no further arrival; those that still wait are dropped, and so are those that are overdue."""
        if self._over:
            return
        self._over = True
        self._alarm.close()
        self._waiting.clear()
        self._count_overdue(min(time.perf_counter_ns() - self._origin_ns, self._ends_ns[-1]))

    @property
    def at_work(self) -> int:
        """Users that are busy with an arrival."""
        return self._busy

    @property
    def waiting(self) -> int:
        """Arrivals that nobody has begun with yet."""
        return len(self._waiting)

    @property
    def lag_p99_ms(self) -> float:
        """How late arrivals began that found a free user, 99th percentile, to 2 %."""
        return quantile(self._lags, 0.99) or 0.0

    def offered(self) -> tuple[OfferedLoad, ...]:
        """What became of the arrivals, by stage; a search keeps account of its own."""
        counted = self._tallies[:-1] if self._searches else self._tallies
        return tuple(OfferedLoad(t.stage, t.planned, t.started, t.late, t.most) for t in counted)

    def ask(self, dues_ns: NDArray[np.int64]) -> ArrivalCounts:
        """Give out further arrivals, due then, in the last stage; returns the account of what becomes of them."""
        last = self._tallies[-1]
        tally = self._tallies[-1] = ArrivalCounts(last.stage, last.limit, Counter())
        self._coming = iter(dues_ns.tolist())
        self._next = self._following()
        if self._next is not None:
            self._alarm.set(self._origin_ns + self._next)
        return tally

    def give_up(self, until_ns: int) -> None:
        """Begin with no further arrival until some more are asked for; those that wait are dropped."""
        self._count_overdue(until_ns)
        self._waiting.clear()

    def take(self, user: User) -> None:
        """Wait, as a user whose task is done, for the next arrival."""
        greenlet = getcurrent()
        turn = self._turns.get(greenlet)
        if turn is None:
            turn = self._turns[greenlet] = _Turn(greenlet)
        self._put_down(turn)
        if self._waiting and turn.in_a_row < IN_A_ROW and not self._full:
            turn.in_a_row += 1
            self._begin(turn, *self._waiting.popleft(), late=True)
            return
        turn.in_a_row = 0
        self._free.append(turn)
        if self._waiting:
            gevent.get_hub().loop.run_callback(self._give_waiting)
        user._state = LOCUST_STATE_WAITING  # noqa: SLF001 - as Locust's own wait does
        while not turn.busy:
            get_hub().switch()
        if user._state == LOCUST_STATE_STOPPING:  # noqa: SLF001
            raise StopUser
        user._state = LOCUST_STATE_RUNNING  # noqa: SLF001

    def _ring(self) -> None:
        """Give out the arrivals that are due, and wake up for the next."""
        now = time.perf_counter_ns() - self._origin_ns
        while self._next is not None and self._next <= now:
            due, self._next = self._next, self._following()
            self._stage = self._stage_of(due, self._stage)
            tally = self._tallies[self._stage]
            tally.planned += 1
            if self._waiting or not self._give(due, tally, late=False):
                self._waiting.append((due, tally))
            if time.perf_counter_ns() - self._origin_ns > now + TURN_NS:
                break
        self._ahead = self._stage_of(now + AHEAD_NS, self._ahead)
        more = self._grow()
        if self._next is not None and not self._over:
            early = now + ADDING_NS if more else self._ends_ns[self._ahead] - AHEAD_NS
            self._alarm.set(self._origin_ns + min(self._next, max(early, now + ADDING_NS)))

    def _following(self) -> int | None:
        """When the arrival after the last one is due; ``None``: there is none."""
        due = next(self._coming, None)
        while due is None and (chunk := next(self._chunks, None)) is not None:
            self._coming = iter(chunk.tolist())
            due = next(self._coming, None)
        return due

    def _stage_of(self, at_ns: int, stage: int) -> int:
        """The stage that runs then; ``stage`` is one that is not after it."""
        while stage < len(self._ends_ns) - 1 and at_ns >= self._ends_ns[stage]:
            stage += 1
        return stage

    def _count_overdue(self, until_ns: int) -> None:
        """Count as planned what was due before then and was not even looked at, because this process was too slow.

        Nothing of it is given out any more.
        """
        left = [] if self._next is None else [self._next, *self._coming]
        self._next, self._coming = None, iter(())
        for chunk in chain([np.array(left, dtype=np.int64)], self._chunks):
            overdue = chunk[chunk < until_ns]
            stages = np.searchsorted(self._ends_ns[:-1], overdue, side="right")
            for tally, count in zip(self._tallies, np.bincount(stages, minlength=len(self._tallies)), strict=True):
                tally.planned += int(count)
            if len(overdue) < len(chunk) or not len(chunk):
                return
            gevent.sleep(0)

    def _give(self, due: int, tally: ArrivalCounts, *, late: bool) -> bool:
        """Let a free user begin; whether there was one."""
        while self._free and not self._full:
            turn = self._free.popleft()
            if turn.greenlet in self._turns:
                self._begin(turn, due, tally, late=late)
                turn.greenlet.switch()
                return True
        return False

    def _give_waiting(self) -> None:
        while self._waiting and self._free and not self._full:
            arrival = self._waiting.popleft()
            if not self._give(*arrival, late=True):
                self._waiting.appendleft(arrival)
        self._grow()

    def _begin(self, turn: "_Turn", due: int, tally: ArrivalCounts, *, late: bool) -> None:
        turn.busy = True
        self._busy += 1
        tally.started += 1
        tally.late += late
        tally.most = max(tally.most, self._busy)
        self.dues[turn.greenlet] = due
        if not late:
            tally.lags[step((time.perf_counter_ns() - self._origin_ns - due) / 1e6)] += 1

    def _put_down(self, turn: "_Turn") -> None:
        if turn.busy:
            turn.busy = False
            self._busy -= 1

    @property
    def _full(self) -> bool:
        return self._busy >= self._tallies[self._stage].limit

    def _grow(self) -> bool:
        """Add users while there are fewer beside those at work than there should be; whether there still are."""
        if self._over or not self._kinds:
            return False
        if time.perf_counter_ns() < self._unready_until_ns:
            return True
        spare = max(LEAST_SPARE, self._spares[self._ahead], self._busy // SPARE_SHARE, len(self._waiting))
        wanted = min(self._busy + spare, self._tallies[self._stage].limit) - self._there
        added = min(wanted, MOST_ADDED if self._waiting else MOST_ADDED_AHEAD)
        for _ in range(added):
            kind = min(self._kinds, key=lambda kind: (self._kinds[kind] + 0.5) / kind.weight)
            self._kinds[kind] += 1
            self._there += 1
            self._add(kind).rawlink(lambda greenlet, kind=kind: self._ended(greenlet, kind))
        return wanted > added

    def _add_fixed(self) -> None:
        for kind in () if self._over else self._fixed:
            for _ in range(self._part(kind.fixed_count)):
                self._add(kind)

    def _add(self, kind: type[User]) -> Any:  # noqa: ANN401 - the greenlet, which Locust leaves untyped
        return kind(self.runner.environment).start(self.runner.user_greenlets)

    def _ended(self, greenlet: Any, kind: type[User]) -> None:  # noqa: ANN401
        """A user has ended, by itself or because it was told to."""
        self._there -= 1
        self._kinds[kind] -= 1
        self.dues.pop(greenlet, None)
        if turn := self._turns.pop(greenlet, None):
            self._put_down(turn)
        else:
            self._unready_until_ns = time.perf_counter_ns() + UNREADY_NS
        if self._waiting:
            self._give_waiting()

    def _part(self, users: int) -> int:
        """This process's part of a number of users."""
        index, of = self._share
        return users // of + (index < users % of)


class _Turn:
    """A user's place in the queue of those who are free."""

    __slots__ = ("busy", "greenlet", "in_a_row")

    def __init__(self, greenlet: Any) -> None:  # noqa: ANN401 - untyped
        self.greenlet, self.busy, self.in_a_row = greenlet, False, 0


def _in_ns(plan: Plan, seed: int, share: tuple[int, int]) -> Iterator[NDArray[np.int64]]:
    """When the arrivals are due, in ns since the origin, a chunk at a time; not those of a search."""
    planned = [stage for stage in plan.stages if stage.search is None]
    for times in due_times(planned, plan.load.arrivals or "poisson", seed, share):
        yield (times * 1e9).astype(np.int64)
