"""Fault injection into containers in one run: failures that users saw, recovery, and a valid run."""

import json
from pathlib import Path

import docker

from tests.docker.running import left, start
from tests.runs.recovered import assert_recovered

SHORT = 'seconds = 4\nusers = 5\n[[targets]]\nexpect = "error_rate < 50 %"\n'
SECONDS = 25
FAULTS = """
[[faults]]
at = "sustain+2 s"
kind = "pause"
service = "api"
seconds = 1
[[faults]]
at = "sustain+6 s"
kind = "restart"
service = "api"
[[faults]]
at = "sustain+13 s"
kind = "disconnect"
service = "api"
seconds = 1.5
[[faults]]
at = "sustain+18 s"
kind = "cpu"
service = "api"
cpus = 0.01
seconds = 2
[[faults]]
at = "sustain+18.5 s"
kind = "kill"
service = "db"
seconds = 2
[[targets]]
expect = "recovery_seconds < 30 s"
"""
KINDS = ["pause", "restart", "disconnect", "cpu", "kill"]
UNHARMED = {"kill", "pause", "cpu"}
"""Faults without failed requests: the page needs no database, and delayed requests are answered in the end."""


def test_faults_are_injected_recorded_and_recovered_from(client: docker.DockerClient, tmp_path: Path) -> None:
    run = start(tmp_path, (SHORT, SHORT.replace("4", str(SECONDS)) + FAULTS))
    said, _ = run.communicate(timeout=200)
    assert run.returncode in {0, 3}, said  # above all not INVALID: what happened to the containers was planned
    (folder,) = (tmp_path / "runs").iterdir()
    recorded = json.loads((folder / "summary.json").read_text())["faults"]
    assert [one["kind"] for one in recorded] == KINDS * 2
    for one in recorded:
        assert (one["failures"] > 0) == (one["kind"] not in UNHARMED), f"{one}"
    assert_recovered(folder, recorded)
    report = (folder / "report.html").read_text()
    assert "cpu api to 0.01 cores for 2 s" in report
    assert left(client, run.pid) == []


def test_a_fault_of_an_unknown_service_is_refused(client: docker.DockerClient, tmp_path: Path) -> None:
    fault = '[[faults]]\nat = "sustain"\nkind = "kill"\nservice = "apy"\nseconds = 1\n'
    run = start(tmp_path, (SHORT, SHORT + fault))
    said, _ = run.communicate(timeout=100)
    assert run.returncode == 5
    assert 'faults[0].service: no service "apy"' in said
    assert 'did you mean "api"?' in said
    assert left(client, run.pid) == []
