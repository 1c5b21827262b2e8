"""Runs that an earlier release recorded, one with faults and one in containers, are read and judged as they were."""

import json
import tarfile
from pathlib import Path

import pytest

from harness.record.run_folder import RunFolder
from harness.verdict.result import analyse
from reports.json.run import verdict_record

RECORDED = Path(__file__).parents[1] / "golden/recorded"


@pytest.fixture(params=["outage", "demo_docker"])
def recorded(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    with tarfile.open(RECORDED / f"{request.param}.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    return next(tmp_path.iterdir())


def test_a_run_of_an_earlier_release_is_judged_as_it_was(recorded: Path) -> None:
    earlier_verdict = json.loads((recorded / "verdict.json").read_text())
    found = verdict_record(analyse(RunFolder.open(recorded)).verdict)
    assert found["outcome"] == earlier_verdict["outcome"]
    assert len(found["checks"]) == len(earlier_verdict["checks"])
    for check, earlier in zip(found["checks"], earlier_verdict["checks"], strict=True):
        for key in ("expect", "outcome", "before", "after"):
            value = earlier[key]
            assert check[key] == (pytest.approx(value, rel=1e-9) if isinstance(value, float) else value)
