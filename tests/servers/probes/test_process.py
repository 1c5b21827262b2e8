"""The readings of real processes with known memory, CPU time and children."""

import os
import subprocess
import sys
import time
from statistics import fmean
from types import SimpleNamespace

import pytest

from harness.probes.process import ProcessProbe
from harness.record.readings import CPU, DESCRIPTORS, MEMORY, THREADS

MEGABYTE = 1024 * 1024
CORES = len(os.sched_getaffinity(0))


def readings(code: str, monkeypatch: pytest.MonkeyPatch, seconds: float = 1.2) -> dict[str, list[float]]:
    monkeypatch.setattr("harness.probes.process.INTERVAL_SECONDS", 0.1)
    monkeypatch.setattr("harness.probes.process.MEMORY_SECONDS", 0.25)
    process = subprocess.Popen([sys.executable, "-c", code])
    try:
        time.sleep(0.3)
        with ProcessProbe({"it": process, "gone": SimpleNamespace(pid=2**22 + 1)}) as probe:
            time.sleep(seconds)
    finally:
        process.kill()
        process.wait()
    assert {source for _, source, _, _ in probe.rows} == {"it"}
    assert 0 < probe.seconds < 0.5
    moments = [at for at, _, _, _ in probe.rows]
    assert moments == sorted(moments)
    kinds = (CPU, MEMORY, THREADS, DESCRIPTORS)
    return {kind: [value for _, _, name, value in probe.rows if name == kind] for kind in kinds}


def test_an_idle_process_uses_its_memory_and_no_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    found = readings(f"import time; kept = bytearray(b'x') * {100 * MEGABYTE}; time.sleep(30)", monkeypatch)
    assert fmean(found[CPU]) * CORES < 0.1
    assert 100 * MEGABYTE < fmean(found[MEMORY]) < 130 * MEGABYTE


def test_memory_is_read_every_third_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.probes.process.MEMORY_SHARE", 1.0)
    found = readings("import time; time.sleep(30)", monkeypatch)
    assert 2 <= len(found[MEMORY]) <= -(-len(found[THREADS]) // 3) < len(found[THREADS])


def test_memory_that_takes_long_to_read_is_read_more_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.probes.process.MEMORY_SHARE", 1e-6)
    assert len(readings("import time; time.sleep(30)", monkeypatch)[MEMORY]) == 1


def test_a_busy_process_uses_a_core_or_what_it_gets_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 0.2 < fmean(readings("while True: pass", monkeypatch)[CPU]) * CORES < 1.2


def test_children_count_also_those_that_have_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each process ends before the next reading."""
    busy = "import time; end = time.process_time() + 0.02\nwhile time.process_time() < end: pass"
    child = f"    if not pid:\n        exec({busy!r})\n        os._exit(0)\n"
    code = f"import os\nwhile True:\n    pid = os.fork()\n{child}    os.waitpid(pid, 0)"
    assert fmean(readings(code, monkeypatch)[CPU]) * CORES > 0.2


def test_threads_and_open_files_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = "[threading.Thread(target=time.sleep, args=(30,), daemon=True).start() for _ in range(6)]"
    opened = "files = [open('/dev/null') for _ in range(50)]"
    found = readings(f"import threading, time; {opened}; {waiting}; time.sleep(30)", monkeypatch)
    assert set(found[THREADS]) == {7}
    assert 50 <= found[DESCRIPTORS][-1] < 60
