"""Fault injection into processes in a whole run: failures that users saw, and recovery."""

import json
import time
from pathlib import Path

import psutil
import pytest

from harness.environment.faults import inject_fault
from harness.environment.processes import ManagedProcesses
from harness.environment.servers import HOST, Postgres, Redis, postgres_programs, redis_answers
from harness.errors import EnvironmentFailedError
from harness.plan.faults import FaultKind
from tests.cluster import create_cluster
from tests.runs.project import PLAN, Project
from tests.runs.recovered import assert_recovered

FAULTS = """
[[faults]]
at = "sustain+1 s"
kind = "kill"
service = "service"
seconds = 1
[[faults]]
at = "sustain+6 s"
kind = "pause"
service = "service"
seconds = 1
[[faults]]
at = "sustain+11 s"
kind = "restart"
service = "service"
[[targets]]
expect = "recovery_seconds < 30 s"
"""
FAULTY = (
    PLAN.replace("50000", "1000")
    .replace("blocks = 2", "blocks = 1")
    .replace('"sustain"\nseconds = 2', '"sustain"\nseconds = 15')
) + FAULTS


def test_a_run_records_faults_and_recovery(project: Project) -> None:
    done = project.run(FAULTY)
    assert done.returncode in {0, 3}, done.stderr
    assert done.stderr.count("fault: kill service for 1 s") == 2
    recorded = json.loads((project.recorded / "summary.json").read_text())["faults"]
    assert [(one["arm"], one["kind"]) for one in recorded[:3]] == [
        (recorded[0]["arm"], kind) for kind in ("kill", "pause", "restart")
    ]
    for one in recorded:
        begins = {"kill": 2, "pause": 7, "restart": 12}[one["kind"]]
        assert one["began"] == pytest.approx(begins, abs=0.5)
        assert (one["failures"] > 0) == (one["kind"] != "pause"), f"{one}"
    assert_recovered(project.recorded, recorded)
    assert "Traceback" not in done.stderr
    assert project.alive() == []


def test_ctrl_c_during_a_fault_leaves_nothing(project: Project) -> None:
    fault = '[[faults]]\nat = "sustain"\nkind = "pause"\nservice = "service"\nseconds = 20\n'
    project.write(PLAN.replace('"sustain"\nseconds = 2', '"sustain"\nseconds = 30') + fault)
    run = project.start("run", "plan.toml", "--plain")
    stopped = (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
    project.wait_for(lambda: any(process.status() in stopped for process in project.alive()))
    run.terminate()
    _, said = run.communicate(timeout=30)
    assert run.returncode == 143, said
    assert project.alive() == []


@pytest.mark.parametrize("kind", [FaultKind.KILL, FaultKind.PAUSE, FaultKind.RESTART])
def test_a_database_keeps_acknowledged_rows(tmp_path: Path, kind: FaultKind) -> None:
    processes = ManagedProcesses(tmp_path)
    (sockets := tmp_path / "s").mkdir()
    server = Postgres(processes, tmp_path / "data", sockets, tmp_path / "log", {"fsync": "off"})
    try:
        create_cluster(server.data, postgres_programs())
        server.start()
        with server.connect() as connection:
            connection.execute("CREATE TABLE kept (id int)")
            connection.execute("INSERT INTO kept VALUES (1)")
        assert server.process
        port, backends = server.port, len(server.process.tree())
        assert backends > 3
        end_fault = inject_fault(server.process, kind)
        server.process.check()  # that it is away is by plan
        assert server.process.popen.poll() is None or kind is not FaultKind.PAUSE
        end_fault()
        deadline = time.monotonic() + 30
        while not server._answers():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert server.fetch("SELECT id FROM kept") == [(1,)]
        assert server.port == port
    finally:
        processes.close()


def test_a_cache_is_back_at_its_address_and_empty(tmp_path: Path) -> None:
    processes = ManagedProcesses(tmp_path)
    server = Redis(processes, tmp_path, tmp_path / "log")
    try:
        server.start()
        assert server.process
        end_fault = inject_fault(server.process, FaultKind.KILL)
        assert not redis_answers(HOST, server.port)
        end_fault()
        deadline = time.monotonic() + 10
        while not redis_answers(HOST, server.port):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        processes.close()


def test_a_fault_of_a_process_that_has_ended_is_an_error(tmp_path: Path) -> None:
    processes = ManagedProcesses(tmp_path)
    process = processes.start("short", ["true"], tmp_path / "log", cwd=tmp_path, env={})
    process.popen.wait(5)
    with pytest.raises(EnvironmentFailedError, match="short ended before its fault"):
        inject_fault(process, FaultKind.KILL)
    processes.close()
