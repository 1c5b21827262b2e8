"""When faults begin and end, and errors of faults."""

import time
from collections.abc import Callable
from functools import partial

import pytest

from harness.errors import EnvironmentFailedError
from harness.plan.faults import Fault, FaultKind
from harness.run.faults import Faults
from tests.doubles import FakeEnvironment


def fault(service: str, seconds: float, kind: FaultKind = FaultKind.KILL) -> Fault:
    return Fault(at="sustain", kind=kind, service=service, seconds=seconds)


def _sound(faults: Faults) -> bool:
    faults.check()
    return False


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_faults_begin_and_end_at_their_moments_side_by_side() -> None:
    log: list[str] = []
    planned = [(0.3, fault("postgres", 0.4)), (0.5, fault("redis", 0.1, FaultKind.PAUSE))]
    said: list[str] = []
    started = time.time()
    with Faults(planned, FakeEnvironment(log), said.append) as faults:
        faults.keep_time(0.0)  # the load has not begun
        faults.keep_time(0.1)
        faults.keep_time(0.2)
        until(lambda: log.count("end postgres") == 1)
        faults.check()
    assert log == ["inject postgres", "inject redis", "end redis", "end postgres"]
    assert [(source, name, value) for _, source, name, value in faults.rows] == [
        ("postgres", "fault_kill", 1.0),
        ("redis", "fault_pause", 1.0),
        ("redis", "fault_pause", 0.0),
        ("postgres", "fault_kill", 0.0),
    ]
    moments = [at / 1e9 - started for at, *_ in faults.rows]
    assert moments == pytest.approx([0.2, 0.4, 0.5, 0.6], abs=0.15)  # 0.1 s of the load were over
    assert "fault: kill postgres for 0.4 s" in said


def test_a_load_that_is_over_mends_what_is_struck_and_begins_no_other() -> None:
    log: list[str] = []
    planned = [(0.01, fault("postgres", 60)), (30.0, fault("redis", 60))]
    with Faults(planned, FakeEnvironment(log), lambda _: None) as faults:
        faults.keep_time(0.001)
        until(lambda: log == ["inject postgres"])
    assert log == ["inject postgres", "end postgres"]


def test_a_load_that_never_begins_has_no_faults() -> None:
    log: list[str] = []
    with Faults([(0.0, fault("postgres", 1))], FakeEnvironment(log), lambda _: None):
        pass
    assert log == []


@pytest.mark.parametrize("event", ["inject postgres", "end postgres"])
def test_a_fault_that_cannot_be_done_or_mended_ends_the_run(event: str) -> None:
    environment = FakeEnvironment([], {event: OSError("no such thing")})
    with Faults([(0.01, fault("postgres", 0.01))], environment, lambda _: None) as faults:
        faults.keep_time(0.001)
        with pytest.raises(EnvironmentFailedError, match=r"fault kill postgres for 0\.01 s: no such thing"):
            until(partial(_sound, faults))
