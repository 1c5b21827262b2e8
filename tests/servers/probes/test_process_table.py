"""The process table against processes whose names, parents, threads and work are known."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from harness.probes import process
from harness.probes.process import HAS_PROC, ProcessTable

listed = pytest.mark.skipif(not HAS_PROC, reason="this system has no /proc")


@pytest.fixture(params=[pytest.param(True, marks=listed), False], ids=["/proc", "psutil"], autouse=True)
def how(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(process, "HAS_PROC", request.param)
    return bool(request.param)


@contextmanager
def running(code: str, program: str = sys.executable) -> Iterator["subprocess.Popen[str]"]:
    """A process that says when it is ready; ended with all below it."""
    with subprocess.Popen([program, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield process
        finally:
            below = psutil.Process(process.pid).children(recursive=True)
            process.kill()
            for child in below:
                with suppress(psutil.NoSuchProcess):  # ended by itself meanwhile
                    child.kill()


def test_a_tree_is_a_process_and_all_below_it() -> None:
    sleeps = "time.sleep(60)"
    grandchild = f"subprocess.Popen([sys.executable, '-c', 'import time; {sleeps}'])"
    child = f"import subprocess, sys, time; {grandchild}; print(flush=True); {sleeps}"
    with running(
        f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]); {sleeps}"
    ) as root:
        below = {one.pid for one in psutil.Process(root.pid).children(recursive=True)}
        table = ProcessTable.read()
        assert len(below) == 2
        assert table.tree(root.pid).keys() == below | {root.pid}
        assert table.tree(min(below)).keys() <= below
        assert table.processes[root.pid].parent == os.getpid()


def test_threads_and_work_are_those_of_the_process() -> None:
    waiting = "[threading.Thread(target=time.sleep, args=(60,), daemon=True).start() for _ in range(4)]"
    busy = "end = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
    with running(f"import threading, time\n{waiting}\n{busy}\nprint(flush=True)\ntime.sleep(60)") as process:
        found = ProcessTable.read().processes[process.pid]
        assert found.threads == 5
        assert 0.25 < found.cpu_seconds < 3


def test_work_of_children_that_ended_is_counted() -> None:
    busy = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
    code = f"import subprocess, sys, time; subprocess.run([sys.executable, '-c', {busy!r}]); print(flush=True)"
    with running(f"{code}; time.sleep(60)") as process:
        assert 0.3 < ProcessTable.read().tree(process.pid)[process.pid].cpu_seconds < 3


@pytest.mark.parametrize("name", ["a b", ") S 1 (", "))", "ü ⏱"])
def test_a_hostile_name_is_no_field(name: str, tmp_path: Path) -> None:
    shell = shutil.which("dash") or shutil.which("sh")
    assert shell
    shutil.copy(shell, tmp_path / name)
    with running("echo; sleep 60; :", str(tmp_path / name)) as process:
        found = ProcessTable.read().tree(process.pid)
        assert found[process.pid].parent == os.getpid()
        assert found[process.pid].threads == 1


def test_what_is_gone_has_no_tree() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert ProcessTable.read().tree(process.pid) == {}


def test_processes_that_come_and_go_meanwhile_are_no_error() -> None:
    code = "import os, time\nprint(flush=True)\nwhile True:\n    if os.fork() == 0: os._exit(0)\n    os.wait()"
    with running(code) as process:
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            assert process.pid in ProcessTable.read().tree(process.pid)


def test_it_tells_what_psutil_tells() -> None:
    """All processes of this machine that run during the whole test."""
    before = parents()
    table = ProcessTable.read()
    lasting = dict(before.items() & parents().items())
    assert len(lasting) > 1
    assert {pid: table.processes[pid].parent for pid in lasting} == lasting


def parents() -> dict[int, int]:
    return {one.pid: one.info["ppid"] for one in psutil.process_iter(["ppid"])}
