"""The generator as a program: its output and its files."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.errors import MeasurementError, PlanError
from harness.plan.file import parse_plan
from harness.plan.model import Plan
from harness.record.samples import read_samples
from harness.run import generator_process as load
from harness.run.generator_process import Job, Progress, check_users, generate
from tests.doubles import PLAN

USERS = """
import os, random
from locust import User, constant_pacing, task

print("seeded", os.environ["HARNESS_SEED"], random.random(), os.environ["HARNESS_SECONDS"])


class {name}(User):
    wait_time = constant_pacing(1)

    @task
    def read(self):
        {body}
"""
BATCH = """for n in range(10):
            self.environment.events.request.fire(
                request_type="GET", name="/", response_time=1.0 if n < 9 else 1000.0, response_length=0,
                exception=None, context={}, response=None)"""
RAISING = f"""{BATCH}
        raise KeyError("what a user did not expect")"""
SLOW = """import gevent
        gevent.sleep(5)
        self.environment.events.request.fire(
            request_type="GET", name="/", response_time=5000.0, response_length=0,
            exception=None, context={}, response=None)"""
SHORT = PLAN.replace("seconds = 2\nusers = 5", "seconds = 1\nusers = 1").replace(
    "seconds = 30\nusers = 10\nwarmup_seconds = 2", "seconds = 3\nusers = 1"
)


def prepared(folder: Path, body: str, text: str = SHORT) -> Plan:
    (folder / "plan.toml").write_text(text)
    (folder / "users.py").write_text(USERS.format(name="Reader", body=body))
    return parse_plan(text)


def made(plan: Plan, folder: Path, seed: int = 3) -> list[Progress]:
    heard: list[Progress] = []
    job = Job(
        plan=plan,
        plan_path=folder / "plan.toml",
        base=folder,
        host="http://127.0.0.1:9",
        out=folder / "leg",
        log=folder / "log",
        label="label",
        seed=seed,
    )
    generate(job, on_progress=heard.append, check=lambda: None)
    return heard


def test_progress_covers_the_last_second(tmp_path: Path) -> None:
    heard = made(prepared(tmp_path, RAISING), tmp_path)  # which ends a task and not the load
    recorded = len(read_samples(tmp_path / "leg" / "samples"))
    assert recorded >= 30
    assert max(p.rps for p in heard) < heard[-1].requests  # not all that were ever made
    assert sum(p.rps for p in heard) == heard[-1].requests <= recorded
    assert {p.p95_ms for p in heard if p.p95_ms} == {1000.0}  # nine in ten take 1 ms
    generation = json.loads((tmp_path / "leg" / "windows.json").read_text())
    assert generation["user_errors"] == recorded / 10
    assert generation["lag_p99_ms"] > 0
    assert 0 < generation["cpu_share"] < 2
    assert "seeded 3 " in (tmp_path / "log").read_text()


def test_requests_under_way_at_the_end_are_waited_for(tmp_path: Path) -> None:
    made(prepared(tmp_path, SLOW), tmp_path)
    assert len(read_samples(tmp_path / "leg" / "samples")) == 1  # begun at once, ended a second after the load


def test_random_choices_follow_the_seed(tmp_path: Path) -> None:
    plan = prepared(tmp_path, "pass")

    def said(seed: int) -> str:
        command = load._generator("check", plan, tmp_path / "plan.toml", tmp_path)
        done = subprocess.run([*command, "--seed", str(seed)], capture_output=True, text=True, check=True)
        return next(line for line in done.stderr.splitlines() if line.startswith("seeded"))

    assert said(5).startswith("seeded 5 ")
    assert said(5) == said(5)
    assert said(5).split()[2] != said(6).split()[2]


@pytest.mark.parametrize(("profile", "seconds"), [(None, "4"), ("long", "40")])
def test_user_files_can_read_the_length_of_the_load(tmp_path: Path, profile: str | None, seconds: str) -> None:
    text = SHORT + "[profiles.long]\ntime = 10\n"
    prepared(tmp_path, "pass", text)
    command = load._generator("check", parse_plan(text, profile=profile), tmp_path / "plan.toml", tmp_path)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr.split()[-1] == seconds


def test_two_user_classes_with_one_name_are_refused(tmp_path: Path) -> None:
    text = SHORT.replace('["users.py"]', '["users.py", "more.py"]')
    plan = prepared(tmp_path, "pass", text)
    (tmp_path / "more.py").write_text(USERS.format(name="Reader", body="pass"))
    with pytest.raises(PlanError, match="a user class Reader is also in another user file"):
        check_users(plan, tmp_path / "plan.toml", tmp_path)


def test_imports_of_user_files_are_listed(tmp_path: Path) -> None:
    plan = prepared(tmp_path, "pass")
    (tmp_path / "ids.py").write_text("IDS = [1]")
    with (tmp_path / "users.py").open("a") as users:
        users.write("\nimport ids\n")
    files = check_users(plan, tmp_path / "plan.toml", tmp_path)
    assert sorted(path.name for path in files) == ["ids.py", "users.py"]


def test_user_files_may_read_the_addresses_of_services_while_they_load(tmp_path: Path) -> None:
    text = SHORT.replace("serve =", 'services = ["pay-ment"]\nserve =')
    plan = prepared(tmp_path, "pass", text)
    with (tmp_path / "users.py").open("a") as users:
        users.write("\nassert os.environ['HARNESS_URL_PAY_MENT'] == 'http://127.0.0.1:9'\n")
    assert check_users(plan, tmp_path / "plan.toml", tmp_path)


def test_a_hanging_generator_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = prepared(tmp_path, "pass")
    monkeypatch.setattr(load, "_generator", lambda *_: [sys.executable, "-c", "import time; time.sleep(15)"])
    monkeypatch.setattr(load, "OVERTIME_SECONDS", 1 - plan.seconds - plan.load.stop_seconds)
    started = time.monotonic()
    with pytest.raises(MeasurementError, match="did not end"):
        made(plan, tmp_path)
    assert time.monotonic() - started < 5
