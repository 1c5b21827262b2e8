"""A search against a model of a service: one queue, a known capacity, the model's own clock."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import gevent
import pytest

from harness.analysis.capacity import search_result
from harness.generator.schedule import capacity_search
from harness.generator.schedule.arrivals import ArrivalCounts
from harness.generator.schedule.capacity_search import TryWindow
from harness.plan.file import parse_plan
from harness.plan.search import Ending, Searched, TryOutcome, bracket
from harness.record.leg import Leg
from tests.pure.plan.checks.test_search import PLAN

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray


Pending = tuple[int, int, int]  # due, begun, answered, in ns


@dataclass
class Model:
    """Recorder, dispatcher, clock and service in one: each response takes ``1 / capacity``, one after the other."""

    capacity: float
    cpu: float = 0.1
    stalls: Callable[[float], bool] = lambda _second: False
    lost_ms: float = 0.0
    listener: Callable[..., None] | None = None
    now: int = 0
    free_at: int = 0
    coming: list[int] = field(default_factory=list)
    pending: list[Pending] = field(default_factory=list)
    asked: list[list[int]] = field(default_factory=list)
    seen: list[tuple[int, int, int]] = field(default_factory=list)
    counts: ArrivalCounts = field(default_factory=lambda: ArrivalCounts("capacity", 4000, Counter()))
    waiting_arrivals: int = 0
    records_lag: bool = True

    def second(self) -> float:
        return self.now / 1e9

    def now_ns(self) -> int:
        return self.now

    @property
    def busy_users(self) -> int:
        return len(self.pending)

    def offer(self, due_by_greenlet: NDArray[np.int64]) -> ArrivalCounts:
        self.coming = due_by_greenlet.tolist()
        self.asked.append([due - self.now for due in self.coming])
        self.counts = ArrivalCounts("capacity", 4000, Counter())
        return self.counts

    def drop_waiting(self, _until_ns: int) -> None:
        self.coming = []

    def sleep(self, seconds: float) -> None:
        self.now += max(round(seconds * 1e9), 1)
        while self.coming and self.coming[0] < self.now:
            due = self.coming.pop(0)
            self.counts.planned += 1
            self.counts.started += 1
            sent = due + round(self.lost_ms * 1e6)
            begun = max(sent, self.free_at)
            self.free_at = begun + round(1e9 / self.capacity) + (2_000_000_000 if self.stalls(due / 1e9) else 0)
            self.pending.append((due, sent, self.free_at))
            self.counts.max_busy = max(self.counts.max_busy, len(self.pending))
        for due, sent, answered in [one for one in self.pending if one[2] <= self.now]:
            self.seen.append((due, sent, answered - sent))
            if self.listener is not None:
                self.listener(due, sent, answered - sent, ok=True)
        self.pending = [one for one in self.pending if one[2] > self.now]

    # the clock of the module

    def monotonic(self) -> float:
        return self.second()

    def perf_counter(self) -> float:
        return self.second()

    def process_time(self) -> float:
        return self.second() * self.cpu


@pytest.fixture
def search(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Searched, Model]]:
    def run_stages(model: Model, *, seed: int = 7, changes: tuple[str, str] = ("", "")) -> tuple[Searched, Model]:
        monkeypatch.setattr(capacity_search, "time", model)
        monkeypatch.setattr(gevent, "sleep", model.sleep)
        found = capacity_search.capacity_search_of(parse_plan(PLAN.replace(*changes) if changes[0] else PLAN), seed)
        assert found is not None
        either: Any = model
        return found.run(either, either, either), model

    return run_stages


LONG = ("seconds = 60", "seconds = 600")


def loads(searched: Searched) -> list[tuple[float, int, TryOutcome]]:
    return [(tried.load, tried.attempt, tried.word) for tried in searched.tries]


def known(searched: Searched) -> tuple[float | None, float | None]:
    found = bracket([(tried.load, tried.word) for tried in searched.tries], confirm=True)
    return found.low, found.high


def test_it_finds_the_capacity_of_a_queue(search: Callable[..., tuple[Searched, Model]]) -> None:
    searched, _ = search(Model(capacity=100), changes=LONG)
    low, high = known(searched)
    assert searched.ended is Ending.FOUND
    assert low is not None
    assert high is not None
    assert 80 < low < high < 110
    assert high <= 1.051 * low
    assert {tried.word for tried in searched.tries} == {TryOutcome.HELD, TryOutcome.MISSED}
    missed = [tried for tried in searched.tries if tried.word is TryOutcome.MISSED and tried.load > 130]
    assert missed
    assert all(tried.cut for tried in missed)  # far beyond the capacity it does not take long to see
    assert not any(tried.unanswered for tried in searched.tries)


def test_tries_depend_on_the_seed(
    search: Callable[..., tuple[Searched, Model]],
) -> None:
    (first, one), (again, two), (other, three) = (
        search(Model(capacity=90), seed=seed, changes=LONG) for seed in (7, 7, 8)
    )
    assert first == again
    assert one.asked == two.asked
    assert one.asked[0] != three.asked[0]
    lows = [known(found)[0] for found in (first, other)]
    assert all(low is not None and 75 < low < 95 for low in lows)


def test_both_arms_get_the_same_arrivals_at_the_same_load(search: Callable[..., tuple[Searched, Model]]) -> None:
    slow, slowly = search(Model(capacity=50), changes=LONG)
    fast, quickly = search(Model(capacity=200), changes=LONG)

    def schedules(searched: Searched, model: Model) -> dict[tuple[float, int], list[int]]:
        return {
            (t.load, t.attempt): [round(due / 1000) for due in asked]
            for t, asked in zip(searched.tries, model.asked, strict=True)
        }

    one, other = schedules(slow, slowly), schedules(fast, quickly)
    shared = one.keys() & other.keys()
    assert len(shared) >= 2
    for place in shared:
        assert one[place] == pytest.approx(other[place], abs=2)


def test_a_missed_try_is_repeated(search: Callable[..., tuple[Searched, Model]]) -> None:
    stalled: list[float] = []

    def once(second: float) -> bool:
        if second > 15 and not stalled:
            stalled.append(second)
        return stalled == [second]

    searched, _ = search(Model(capacity=1000, stalls=once), changes=LONG)
    assert loads(searched)[:3] == [(20, 1, TryOutcome.MISSED), (20, 2, TryOutcome.HELD), (40, 1, TryOutcome.HELD)]
    assert searched.ended is Ending.MOST
    assert known(searched) == (400, None)


def test_a_service_below_the_lowest_load_holds_nothing(search: Callable[..., tuple[Searched, Model]]) -> None:
    searched, _ = search(Model(capacity=10), changes=LONG)
    assert loads(searched) == [(20, 1, TryOutcome.MISSED), (20, 2, TryOutcome.MISSED)]
    assert searched.ended is Ending.LEAST


def test_it_stops_where_the_generator_is_the_limit(search: Callable[..., tuple[Searched, Model]]) -> None:
    busy, _ = search(Model(capacity=100, cpu=0.9), changes=LONG)
    assert busy.ended is Ending.GENERATOR
    assert [word for *_, word in loads(busy)] == [TryOutcome.HELD, TryOutcome.HELD, TryOutcome.HELD, TryOutcome.VOID]
    late, _ = search(Model(capacity=1000, lost_ms=400), changes=LONG)
    assert loads(late) == [(20, 1, TryOutcome.VOID)]


def test_no_try_begins_that_would_exceed_the_stage(search: Callable[..., tuple[Searched, Model]]) -> None:
    searched, model = search(Model(capacity=100))
    assert searched.ended is Ending.TIME
    assert searched.tries[-1].end <= 70
    assert model.second() > 55


def test_the_analysis_of_the_samples_agrees(search: Callable[..., tuple[Searched, Model]]) -> None:
    searched, model = search(Model(capacity=100), changes=LONG)
    listener = TryWindow(parse_plan(PLAN).limits, 0)
    requests = random.Random(1).sample(model.seen, len(model.seen))
    for due, sent, duration in requests:
        listener.put(due, sent, duration, ok=True)
    found = search_result(Leg(1, 1, "after"), searched, parse_plan(PLAN).limits, listener.requests())
    assert found.disputed == []
    assert (found.bracket.low, found.bracket.high) == known(searched)
