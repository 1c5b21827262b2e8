"""The overhead of a probe is the CPU time of its threads; missed readings are skipped."""

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.probes.reader import Probe, next_due, ticks


def busy() -> None:
    while time.thread_time() < 0.05:
        pass


def test_the_cost_of_a_probe_is_the_cpu_of_its_threads() -> None:
    probe = Probe({"one": busy, "other": busy, "waits": lambda: time.sleep(0.5)})
    with probe:
        pass
    assert 0.1 <= probe.seconds < 0.3


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (9.0, 11.0),  # woken too early
        (10.0, 11.0),
        (10.4, 11.0),  # it took a while
        (11.0, 12.0),  # as long as the time between two readings: not at once again
        (12.7, 13.7),  # or longer
    ],
)
def test_readings_keep_their_times_and_leave_out_those_missed(
    now: float, due: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: now)
    assert next_due(10.0, 1.0) == due


@given(st.floats(0, 1e6), st.floats(0, 1e4), st.floats(0.01, 100))
def test_the_following_reading_is_ahead_and_not_far(due: float, late: float, every: float) -> None:
    now = due + late
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "monotonic", lambda: now)
        after = next_due(due, every)
    assert now - 1e-6 < after <= now + every + 1e-6


def test_beats_come_at_their_times_until_it_is_over() -> None:
    over, begun, came = threading.Event(), time.monotonic(), list[float]()
    for _ in ticks(over, 0.1, after=0.2):
        came.append(time.monotonic() - begun)
        if len(came) == 3:
            over.set()
    assert len(came) == 3
    assert all(at >= due for at, due in zip(came, (0.2, 0.3, 0.4), strict=True))
    assert list(ticks(over, 0.1)) == []
