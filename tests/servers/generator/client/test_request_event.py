"""A request that is reported directly has the same effects as one that Locust's event fires."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[4]
CASES = [
    "nobody else",
    "a listener",
    "a listener that comes late",
    "one that raises",
    "one that stops the user",
    "one that begins again",
]


@pytest.fixture(scope="module")
def found() -> dict[str, dict[str, Any]]:
    command = [sys.executable, "-m", "tests.servers.generator.client.request_events"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    both: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return both


@pytest.mark.parametrize("case", CASES)
def test_direct_reporting_equals_firing(found: dict[str, dict[str, Any]], case: str) -> None:
    assert found["direct"][case] == found["fire"][case]


def test_every_listener_gets_the_same(found: dict[str, dict[str, Any]]) -> None:
    assert found["direct"]["heard"] == found["fire"]["heard"]
    assert len(found["direct"]["heard"]) == 4 + 2 + 4


def test_recorded_rows_and_statistics(found: dict[str, dict[str, Any]]) -> None:
    told = found["direct"]["nobody else"]
    assert told["rows"] == [
        ["GET /a", 1_500_000, None, "hit"],
        ["GET /a", 2_500_000, "ValueError: no", "hit"],
        ["GET /a", 4_500_000, None, "hit"],
    ]  # the one that the recorder cannot read is in the statistics alone: the run would be refused
    assert told["counted"] == [["GET", "/a", 3, 1, 8.5], ["POST", "/b", 1, 0, 3.5]]
    assert told["raised"] == [None] * 4
    assert found["direct"]["one that stops the user"]["raised"] == ["StopUser"] * 4
    assert found["direct"]["one that begins again"]["raised"] == [None, None, "RescheduleTask", "RescheduleTask"]
