"""Abort watch: sliding windows, grace periods, and several processes."""

import pytest

from harness.generator.schedule.abort_watch import AbortWatch
from harness.plan.file import parse_plan
from harness.record.generation import Aborted
from tests.doubles import PLAN

ENDPOINT = "GET /content/{id}"


def watch(*tables: str, arm: str = "after") -> AbortWatch:
    return AbortWatch(parse_plan(PLAN + "".join(f"[[aborts]]\n{table}\n" for table in tables)), arm)


def answer(abort_watch: AbortWatch, latency: float | None, count: int, endpoint: str = ENDPOINT) -> None:
    """Requests of an endpoint with this latency in ms, or failures, each due 5 ms before it was sent."""
    for _ in range(count):
        duration_ns = round(((latency or 20.0) - 5.0) * 1e6)
        abort_watch.put(1_000_000, 6_000_000, duration_ns, ok=latency is not None, endpoint=endpoint)


def ended_at(abort_watch: AbortWatch, bad: range, *, endpoint: str = ENDPOINT, seconds: int = 32) -> int | None:
    """The second at which a leg ends whose requests fail in the ``bad`` seconds."""
    for second in range(1, seconds + 1):
        answer(abort_watch, None if second in bad else 40.0, 10, endpoint)
        if abort_watch.check(float(second)):
            return second
    return None


@pytest.mark.parametrize(
    ("table", "bad", "at"),
    [
        ('when = "error_rate > 50 % for 4 s"', range(10, 33), 12),  # three of the four
        ('when = "error_rate > 50 % for 4 s"', range(10, 12), None),  # two of them are half
        ('when = "error_rate > 50 % for 4 s"', range(1, 33), 4),  # a window has to be full
        ('when = "error_rate > 50 % for 4 s"\ngrace_seconds = 10', range(1, 33), 14),
        ('when = "error_rate > 50 % for 4 s"\ngrace_seconds = 10', range(1, 12), None),  # what was in its grace is out
        ('when = "error_rate > 50 % for 4 s"\nstage = "sustain"', range(1, 33), 6),
        ('when = "error_rate > 50 % for 4 s"\nstage = "sustain"\ngrace_seconds = 5', range(1, 33), 11),
        ('when = "error_rate > 50 % for 30 s"', range(16, 33), 31),
        (f'when = "error_rate > 50 % for 4 s"\nendpoint = "{ENDPOINT}"', range(10, 33), 12),
        ('when = "error_rate > 50 % for 4 s"\nendpoint = "POST /interactions"', range(10, 33), None),
        ('when = "error_rate > 50 % for 4 s"\narms = ["before"]', range(10, 33), None),
        ('when = "error_rate > 50 % for 4 s"\narms = ["before", "after"]', range(10, 33), 12),
    ],
)
def test_when_a_load_is_ended(table: str, bad: range, at: int | None) -> None:
    assert ended_at(watch(table), bad) == at


def test_the_broken_limit_is_returned() -> None:
    abort_watch = watch('when = "rps < 2 for 3 s"\nstage = "sustain"', 'when = "p90 > 1 s for 5 s"')
    found = [abort_watch.check(float(second)) for second in range(1, 6)]
    assert found == [None, None, None, None, Aborted("rps < 2 for 3 s", "sustain", None, 5.0, 0.0)]


def test_latencies_are_accurate_to_two_percent() -> None:
    abort_watch = watch('when = "p90 > 1 s for 2 s"')
    for second, latency in ((1.0, 985.0), (2.0, 985.0), (3.0, 1020.0), (4.0, 1020.0)):
        answer(abort_watch, latency, 30)
        found = abort_watch.check(second)
        assert (found is not None) is (second >= 3.0)  # then more than a tenth of the window is above
    assert found is not None
    assert found.value == pytest.approx(1020, rel=0.02)


def test_counts_of_several_processes_add_up() -> None:
    """Each of two has half of the requests; one alone has too few for a P90 and is not slow enough."""
    workers = [watch('when = "p90 > 100 ms for 2 s"', arm="") for _ in range(2)]
    master = watch('when = "p90 > 100 ms for 2 s"')
    found = None
    for second in (1.0, 2.0):
        for worker, latency in zip(workers, (50.0, 400.0), strict=True):
            answer(worker, latency, 10)
            master.merge(worker.drain())
            assert worker.drain() == [(0, 0, {})]
        found = master.check(second)
    assert found is not None
    assert found.value == pytest.approx(400, rel=0.02)
    assert workers[1].check(1.0) is None


def test_rates_use_the_real_length_of_a_slice() -> None:
    """Responses of a generator that paused for three seconds do not count as those of one second."""
    abort_watch = watch('when = "rps < 5 for 2 s"')
    answer(abort_watch, 40.0, 10)
    assert abort_watch.check(1.0) is None
    answer(abort_watch, 40.0, 10)
    assert abort_watch.check(2.0) is None
    answer(abort_watch, 40.0, 6)
    found = abort_watch.check(5.0)
    assert found is not None
    assert found.value == pytest.approx(16 / 4)
