"""Users of the harness's client run tasks in the same order as Locust's: the same scenes run with both."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def played() -> dict[str, dict[str, list[str]]]:
    found = {}
    for kind in ("locust", "turns"):
        command = [sys.executable, "-m", "tests.servers.generator.client.task_loops", kind]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT, check=False)
        assert done.returncode == 0, done.stderr
        found[kind] = json.loads(done.stdout)
    return found


EXPECTED = {
    "weights": None,  # as the dice fall
    "raising": ["0", "waits", "2", "error KeyError", "waits", "5", "6"],
    "nested": ["one", "waits", "two", "leaves", "one"],
    "scheduling": ["plan", "sooner", "later", "plan"],
    "changing": ["first", "second", "first"],
    "failing_start": ["on_start", "error ValueError"],
    "stopping_start": ["on_stop"],
    "stopped_in_a_task": ["begins", "ends", "begins", "ends", "begins", "stops False", "ends", "on_stop"],
    "stopped_while_it_waits": ["works", "on_stop", "stops True"],
    "no_wait_time": ["works"] * 12 + ["on_stop"],
    "two_users": ["0", "1", "0", "1"],
}


@pytest.mark.parametrize("scene", EXPECTED)
def test_the_log_of_a_scene_equals_that_of_locust(played: dict[str, dict[str, list[str]]], scene: str) -> None:
    log, expected = played["locust"][scene], EXPECTED[scene]
    assert log
    assert expected is None or log[: len(expected)] == expected
    assert played["turns"][scene] == log
