"""The selftest as a user starts it, as small as it goes, and the service of its trials."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.environment.servers import free_ports
from harness.record.selftest import NAME
from harness.selftest import server
from tests.runs.project import Project

ASK = b"GET /answer HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.thorough
@pytest.mark.timeout(420)  # a minute where nobody else is at work
def test_a_selftest_certifies_what_a_busy_machine_can_tell_and_a_run_shows_it(project: Project) -> None:
    process = project.start("selftest", "--tiny")
    stdout, stderr = process.communicate(timeout=300)
    assert process.returncode in {0, 3}, stdout + stderr  # late or not, never broken
    assert "1 suite of A/A tests and 1 with more work, 2 blocks each" in stderr.splitlines()[0]
    assert "named, the run is INVALID" in stdout
    (certificate,) = json.loads((project.out / NAME).read_text())["certificates"]
    assert certificate["kill"] == {"outcome": "INVALID", "named": True}
    assert certificate["delay"]["answered"] == certificate["delay"]["requests"] > 100
    assert certificate["delay"]["p50_ms"] >= certificate["delay"]["waited_p50_ms"]
    freeze = certificate["freeze"]
    assert freeze["p95_ms"] == pytest.approx(freeze["expected_ms"], rel=0.5)  # not some ms
    for part in ("equal", "power"):
        assert certificate[part]["suites"] + certificate[part]["invalid"] == 1
    trials = list(project.out.glob("selftest-*"))
    assert len(trials) == (process.returncode == 3)
    assert project.alive() == []
    run = project.harness("run", "plan.toml", "--plain", "--blocks", "1")
    assert run.returncode in {0, 3}, run.stderr
    (recorded,) = {path.parent for path in project.out.glob("*/report.html")}
    assert json.loads((recorded / "certificate.json").read_text()) == certificate
    assert "Selftest of this machine" in (recorded / "report.html").read_text()


def test_ctrl_c_leaves_nothing(project: Project) -> None:
    process = project.start("selftest", "--tiny")
    project.wait_for(lambda: bool(list(project.out.glob("selftest-*/kill/trials/*"))), 60)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode in {130, -signal.SIGINT}
    assert list(project.out.iterdir()) == []
    assert project.alive() == []


def test_what_is_in_the_way_is_named_before_anything_starts(project: Project) -> None:
    project.out.mkdir()
    (project.out / NAME).write_text("{")
    done = project.harness("selftest")
    assert done.returncode == 2
    assert f"{NAME}: damaged" in done.stderr
    assert [path.name for path in project.out.iterdir()] == [NAME]


# --- the service


@pytest.fixture
def noted(tmp_path: Path) -> Path:
    return tmp_path / "noted"


@pytest.fixture
def service(noted: Path) -> Iterator[int]:
    (port,) = free_ports(1)
    command = [sys.executable, str(Path(server.__file__)), "--port", str(port)]
    env = os.environ | {"SELFTEST_WAITED": str(noted), "SELFTEST_WORK": "100"}
    with subprocess.Popen(command, env=env) as process:
        yield port
        process.kill()


def asked(port: int, *parts: bytes, answers: int) -> bytes:
    """What comes back for parts of bytes that are sent one after the other."""
    deadline = time.monotonic() + 30
    while True:
        try:
            connection = socket.create_connection(("127.0.0.1", port), timeout=10)
            break
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    with connection:
        received = b""
        for part in parts:
            connection.sendall(part)
            time.sleep(0.02)
        while received.count(b"HTTP/1.1") < answers:
            received += connection.recv(4096)
    return received


def test_the_service_notes_what_it_waited_for_every_answer(service: int, noted: Path) -> None:
    begun = time.perf_counter()
    assert asked(service, ASK[:9], ASK[9:] + ASK, answers=2).count(b" 200 OK") == 2
    took_ms = (time.perf_counter() - begun) * 1000
    waited = [float(line) for line in noted.read_text().splitlines()]
    assert len(waited) == 2
    assert min(waited) >= 5
    assert max(waited) <= took_ms


def test_nothing_else_is_waited_for_or_noted(service: int, noted: Path) -> None:
    assert b" 200 OK" in asked(service, ASK.replace(b"/answer", b"/health"), answers=1)
    assert b" 404 Not Found" in asked(service, ASK.replace(b"/answer", b"/"), answers=1)
    assert noted.read_text() == ""
