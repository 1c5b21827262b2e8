"""Arrivals under pressure: more than a process can start, and users that are slow, fail or are missing."""

import time
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from harness.errors import PlanError
from harness.generator.schedule.arrivals import due_times
from harness.plan.file import parse_plan
from harness.record.generation import Generation
from harness.run.generator_process import Job, check_users, generate
from harness.verdict.arrivals import LATE_MS
from harness.verdict.guards import BUSY_CPU_SHARE

FELL_BEHIND_MS = 250.0  # what a busy machine takes is less, what a schedule that cannot be kept piles up is more

HEAD = """
schema = 1
name = "pressed"
[environment]
kind = "local"
serve = "true {port}"
[arms.before]
[arms.after]
[load]
users = ["users.py"]
stop_seconds = 5
"""
IDLE = """
from locust import User, task

class Idle(User):
    @task
    def nothing(self):
        pass
"""
UNWANTED = """
class Unwanted(User):
    weight = 0

    @task
    def never(self):
        raise AssertionError
"""
SLOW_TO_COME = """
import gevent
from locust import User, task

class Slow(User):
    def on_start(self):
        gevent.sleep(0.2)

    @task
    def work(self):
        gevent.sleep(0.02)
"""
REFUSED = """
from locust import User, task

class Refused(User):
    def on_start(self):
        raise RuntimeError("login refused")

    @task
    def nothing(self):
        pass
"""
WATCHMEN = IDLE.replace("    @task", "    fixed_count = 2\n\n    @task")


def stages(*parts: tuple[int, float]) -> str:
    texts = (
        f'[[stages]]\nkind = "stress"\nname = "{number}"\nseconds = {seconds}\nrate = {rate}\n'
        for number, (seconds, rate) in enumerate(parts)
    )
    return HEAD + "\n".join(texts)


def leg(folder: Path, users: str, text: str) -> Generation:
    (folder / "users.py").write_text(users)
    (folder / "plan.toml").write_text(text)
    out = folder / "trials" / "01-before"
    job = Job(
        parse_plan(text), folder / "plan.toml", folder, "http://127.0.0.1:9", out, folder / "log", "label", 3
    )  # nobody is asked anything
    generate(job, on_progress=lambda _: None, check=lambda: None)
    return TypeAdapter(Generation).validate_json((out / "windows.json").read_bytes())


def planned(text: str) -> int:
    return sum(map(len, due_times(parse_plan(text).stages, "poisson", 3)))


def test_five_thousand_arrivals_a_second_start_on_time(tmp_path: Path) -> None:
    generation = leg(tmp_path, IDLE + UNWANTED, text := stages((4, 5000)))
    (offered,) = generation.offered
    assert offered.planned == planned(text)
    assert offered.started - offered.late > 0.995 * offered.planned  # the last may be due as the leg ends
    assert generation.schedule_lag_p99_ms is not None
    assert generation.schedule_lag_p99_ms < FELL_BEHIND_MS
    assert generation.user_errors == 0


@pytest.mark.parametrize("seconds", [2, pytest.param(4, marks=pytest.mark.thorough)])
def test_an_overloaded_generator_reports_it_and_ends_in_time(tmp_path: Path, seconds: int) -> None:
    begun = time.monotonic()
    generation = leg(tmp_path, IDLE, text := stages((1, 1000), (seconds, 1_000_000)))
    assert time.monotonic() - begun < seconds + 10
    calm, pressed = generation.offered
    assert calm.planned + pressed.planned == planned(text)  # also what nobody came to
    assert pressed.started < 0.9 * pressed.planned
    assert generation.schedule_lag_p99_ms is not None
    assert generation.schedule_lag_p99_ms > 10 * LATE_MS


def test_processes_share_the_planned_arrivals(tmp_path: Path) -> None:
    text = stages((2, 300), (2, 900)).replace("[load]", "[load]\nprocesses = 3")
    generation = leg(tmp_path, IDLE, text)
    times = [due for chunk in due_times(parse_plan(text).stages, "poisson", 3) for due in chunk]
    assert [(part.planned, part.started) for part in generation.offered] == [
        (early := sum(due < 2 for due in times), early),
        (len(times) - early, len(times) - early),
    ]
    assert generation.processes == 3


def test_users_are_ready_when_a_larger_stage_begins(tmp_path: Path) -> None:
    calm, busy = leg(tmp_path, SLOW_TO_COME, stages((2, 20), (2, 800))).offered
    assert busy.late == 0
    assert 10 < busy.most_users < 100
    assert calm.started == calm.planned


def test_users_that_fail_at_start_are_replaced_slowly(tmp_path: Path) -> None:
    generation = leg(tmp_path, REFUSED, text := stages((3, 100)))
    (offered,) = generation.offered
    assert (offered.planned, offered.started) == (planned(text), 0)
    assert 10 <= generation.user_errors <= 4 * 100  # at most a hundred at once, and a second between
    assert generation.cpu_share < BUSY_CPU_SHARE


def test_open_stages_without_a_class_for_arrivals_are_refused(tmp_path: Path) -> None:
    (tmp_path / "users.py").write_text(WATCHMEN)
    (tmp_path / "plan.toml").write_text(text := stages((3, 100)))
    with pytest.raises(PlanError, match=r"load\.users: .*fixed_count"):
        check_users(parse_plan(text), tmp_path / "plan.toml", tmp_path)
