"""Measurements of nothing that only a whole run shows: user files and services that must not PASS."""

import pytest

from tests.runs.project import PLAN, SERVICE, USERS, Project
from tests.trials.ways import RUNS, Run

STATUS = {"refused": 2, "INVALID": 4, "INCONCLUSIVE": 3}
CALM = PLAN.replace("seconds = 2", "seconds = 4")


LONG = {"a wait_time that raises"}
"""Cases with the same guard as another one."""


@pytest.mark.parametrize(
    "one",
    [
        pytest.param(one, id=one.way.replace(" ", "-"), marks=pytest.mark.thorough if one.way in LONG else ())
        for one in RUNS
    ],
)
def test_a_run_that_measured_nothing_does_not_pass(project: Project, one: Run) -> None:
    assert one.users[0] in USERS
    assert one.service[0] in SERVICE
    (project.folder / "users.py").write_text(USERS.replace(*one.users))
    (project.folder / "service.py").write_text(SERVICE.replace(*one.service))
    project.write(CALM.replace("queries_per_request <= 2", one.expect))
    project.guarded = one.outcome == "INVALID"
    blocks = "1" if one.outcome == "INVALID" else "2"  # one block is inconclusive by itself
    done = project.harness("run", "plan.toml", "--plain", "--blocks", blocks)
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == STATUS[one.outcome], said
    assert one.says in said
