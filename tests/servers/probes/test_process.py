"""The readings of real processes with known memory, CPU time and children."""

import os
import subprocess
import sys
import time
from statistics import fmean
from types import SimpleNamespace

import psutil
import pytest

from harness.probes.process import ProcessProbe
from harness.record.readings import CPU, DESCRIPTORS, MEMORY, THREADS

MEGABYTE = 1024 * 1024
CORES = len(os.sched_getaffinity(0))


KERNEL = "cores that the process and its ended children used, as the kernel says"
READY = "print(flush=True)"
"""Ends the part of the code that is not measured."""


def readings(code: str, monkeypatch: pytest.MonkeyPatch, seconds: float = 1.2) -> dict[str, list[float]]:
    """The readings of a process that runs the code, from the moment when it prints a line."""
    monkeypatch.setattr("harness.probes.process.INTERVAL_SECONDS", 0.1)
    monkeypatch.setattr("harness.probes.process.MEMORY_SECONDS", 0.25)
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        assert process.stdout
        process.stdout.readline()
        before, began = sum(psutil.Process(process.pid).cpu_times()[:4]), time.monotonic()
        with ProcessProbe({"it": process, "gone": SimpleNamespace(pid=2**22 + 1)}) as probe:
            time.sleep(seconds)
        cores = (sum(psutil.Process(process.pid).cpu_times()[:4]) - before) / (time.monotonic() - began)
    finally:
        process.kill()
        process.communicate()
    assert {source for _, source, _, _ in probe.rows} == {"it"}
    assert 0 < probe.seconds < 0.5
    moments = [at for at, _, _, _ in probe.rows]
    assert moments == sorted(moments)
    kinds = (CPU, MEMORY, THREADS, DESCRIPTORS)
    found = {kind: [value for _, _, name, value in probe.rows if name == kind] for kind in kinds}
    return found | {KERNEL: [cores]}


def test_an_idle_process_uses_its_memory_and_no_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    found = readings(f"import time; kept = bytearray(b'x') * {100 * MEGABYTE}; {READY}; time.sleep(30)", monkeypatch)
    assert fmean(found[CPU]) * CORES < 0.1
    assert 100 * MEGABYTE < fmean(found[MEMORY]) < 130 * MEGABYTE


def test_memory_is_read_every_third_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.probes.process.MEMORY_SHARE", 1.0)
    found = readings(f"import time; {READY}; time.sleep(30)", monkeypatch)
    assert 2 <= len(found[MEMORY]) <= -(-len(found[THREADS]) // 3) < len(found[THREADS])


def test_memory_that_takes_long_to_read_is_read_more_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.probes.process.MEMORY_SHARE", 1e-6)
    assert len(readings(f"import time; {READY}; time.sleep(30)", monkeypatch)[MEMORY]) == 1


def test_a_busy_process_uses_a_core_or_what_it_gets_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    found = readings(f"{READY}\nwhile True: pass", monkeypatch)
    assert 0.5 < fmean(found[CPU]) * CORES / found[KERNEL][0] < 1.5


def test_children_count_also_those_that_have_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each process ends before the next reading."""
    busy = "import time; end = time.process_time() + 0.02\nwhile time.process_time() < end: pass"
    child = f"    if not pid:\n        exec({busy!r})\n        os._exit(0)\n"
    code = f"import os\n{READY}\nwhile True:\n    pid = os.fork()\n{child}    os.waitpid(pid, 0)"
    found = readings(code, monkeypatch)
    assert found[KERNEL][0] > 0
    assert 0.5 < fmean(found[CPU]) * CORES / found[KERNEL][0] < 1.5


def test_threads_and_open_files_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = "[threading.Thread(target=time.sleep, args=(30,), daemon=True).start() for _ in range(6)]"
    opened = "files = [open('/dev/null') for _ in range(50)]"
    found = readings(f"import threading, time; {opened}; {waiting}; {READY}; time.sleep(30)", monkeypatch)
    assert set(found[THREADS]) == {7}
    assert 50 <= found[DESCRIPTORS][-1] < 60
