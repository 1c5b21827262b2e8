"""Users of several processes draw from streams of their own; those of one process from the ones they always had."""

import json
import os
import subprocess
import sys
from pathlib import Path

SCENARIOS = Path(__file__).parents[2] / "scenarios"
PROGRAM = """
from locust import User
import json
from crowd import Chance
print(json.dumps({c.name: c.random() for c in (Chance(), Chance("kind"), Chance())}))
"""


def drawn(**env: str) -> dict[str, float]:
    known = {key: value for key, value in os.environ.items() if not key.startswith("HARNESS_")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=SCENARIOS,
        env={**known, "PYTHONPATH": str(SCENARIOS), "HARNESS_SEED": "5", **env},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def test_streams() -> None:
    alone = drawn()
    assert list(alone) == ["5-0", "5-kind1", "5-2"]  # as ever
    first, second = drawn(HARNESS_WORKER="1"), drawn(HARNESS_WORKER="2")
    assert len({**alone, **first, **second}) == 9
    assert len({*alone.values(), *first.values(), *second.values()}) == 9
    assert first == drawn(HARNESS_WORKER="1")
