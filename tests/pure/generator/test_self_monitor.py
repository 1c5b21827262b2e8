import time
from array import array

import pytest

from harness.generator.recording.self_monitor import SelfMonitor
from harness.record.leg import Window
from harness.record.readings import GENERATOR


@pytest.mark.parametrize(
    ("rows", "windows", "share"),
    [
        ([], [(0, 3)], 0.0),
        ([(1, 0.2), (2, 0.4)], [(0, 2)], 0.3),
        ([(0.1, 0.0), (1.1, 1.0), (2.1, 1.0), (3.1, 0.0)], [(0, 2)], 1.0),  # neither the second before nor after
        ([(1, 0.1), (2, 0.1), (3, 0.9), (4, 0.9)], [(0, 2), (2, 4)], 0.9),  # the busier stage
        ([(1, 0.1), (7, 1.0)], [(0, 5)], 0.55),  # nothing was read for six seconds
    ],
)
def test_cpu_share_is_that_of_the_busiest_stage(
    rows: list[tuple[float, float]], windows: list[tuple[float, float]], share: float
) -> None:
    watch = SelfMonitor(0)
    watch.garbage.close()
    watch.at_ns = array("q", [round(at * 1e9) for at, _ in rows])
    watch.values["cpu_share"] = array("d", [share for _, share in rows])
    found = watch.cpu_share([Window("", "sustain", start, start, end, 1) for start, end in windows])
    assert found == pytest.approx(share)
    assert watch.lag_p99_ms() == 0


def test_rows_start_at_any_reading() -> None:
    watch = SelfMonitor(time.perf_counter_ns())
    watch.garbage.close()
    for users in (1, 2, 3):
        watch.read(users)
    assert [value for _, source, name, value in watch.rows(1) if name == "users"] == [2, 3]
    assert {source for _, source, _, _ in watch.rows()} == {GENERATOR}
    assert len(watch.rows()) == 3 * len(watch.values)
    assert watch.rows(3) == []


def test_the_longest_lag_is_per_reading_and_the_percentile_is_over_all() -> None:
    watch = SelfMonitor(time.perf_counter_ns())
    watch.garbage.close()
    for lag_ms in [0.5] * 97 + [40.0] * 3:
        watch.add_lag(lag_ms)
    watch.read(0)
    watch.read(0)
    assert [value for _, _, name, value in watch.rows() if name == "loop_lag_ms"] == [40, 0]
    assert watch.lag_p99_ms() == pytest.approx(40, rel=0.02)


def test_a_reading_covers_the_time_since_the_last_one() -> None:
    watch = SelfMonitor(time.perf_counter_ns())
    watch.garbage.close()
    time.sleep(0.5)
    watch.read(1)
    began, until = time.perf_counter(), time.process_time() + 0.2
    while time.process_time() < until:
        pass
    watch.read(3)
    spent = 0.2 / (time.perf_counter() - began)  # on a busy machine less than a core
    idle, busy = watch.values["cpu_share"]
    assert idle < 0.2
    assert busy == pytest.approx(spent, rel=0.2)


def test_a_lag_is_in_milliseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = SelfMonitor(0)
    watch.garbage.close()
    pauses: list[float] = []

    def late(seconds: float) -> None:
        if pauses:
            raise KeyboardInterrupt
        pauses.append(seconds)
        time.sleep(seconds + 0.05)

    monkeypatch.setattr("gevent.sleep", late)
    with pytest.raises(KeyboardInterrupt):
        watch.measure_lag()
    assert 49 <= watch.lag_p99_ms() < 500
    assert pauses == [0.02]
