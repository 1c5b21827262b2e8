"""A service that slows down with every request: an abort condition ends the leg and the run."""

import json

import pytest

from harness.record.samples import read_samples
from tests.runs.project import PLAN, SERVICE, Project

GROWS = SERVICE.replace("sum(range(WORK))", "sum(range(WORK * Handler.asked))")
SECONDS = 40
"""Duration of a leg that is not aborted."""
ABORT = """
[[aborts]]
when = "p50 > 200 ms for 2 s"
stage = "sustain"
"""
SLOWING = (
    PLAN.replace('"50000"', '"AFTER"')
    .replace('WORK = "0"', 'WORK = "20000"')
    .replace('WORK = "AFTER"', 'WORK = "0"')  # after comes first
    .replace('"sustain"\nseconds = 2', f'"sustain"\nseconds = {SECONDS - 1}')
)
OPEN = SLOWING.replace("users = 5", "rate = 30")
TWO_PROCESSES = SLOWING.replace("[load]", "[load]\nprocesses = 2")


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(SLOWING, id="users"),
        pytest.param(OPEN, id="rate", marks=pytest.mark.thorough),
        pytest.param(TWO_PROCESSES, id="processes", marks=pytest.mark.thorough),
    ],
)
def test_an_abort_condition_ends_the_leg_and_the_run(project: Project, plan: str) -> None:
    (project.folder / "service.py").write_text(GROWS)
    done = project.run(plan + ABORT)
    verdict = json.loads((project.recorded / "verdict.json").read_text())
    assert done.returncode == 1, done.stderr + done.stdout
    assert done.stdout.startswith("FAIL")
    assert "aborted" in done.stdout
    assert "aborted: after broke p50 > 200 ms for 2 s (sustain) with " in done.stderr
    (leg,) = (project.recorded / "trials").iterdir()
    assert leg.name == "01-after"
    windows = json.loads((leg / "windows.json").read_text())
    aborted = windows["aborted"]
    assert 3 <= aborted["second"] < SECONDS - 5
    assert aborted["value"] > 200
    assert windows["windows"][-1]["end"] == pytest.approx(aborted["second"], abs=2)
    assert len(read_samples(leg / "samples")) == windows["requests"] > 50
    assert (verdict["outcome"], verdict["stops"][0]["leg"]) == ("FAIL", "01-after")
    assert "aborted" in (project.recorded / "report.html").read_text()
    checked = project.harness("check", str(project.recorded))
    assert checked.returncode == 1, checked.stderr
    assert "Traceback" not in done.stderr
    assert project.alive() == []
