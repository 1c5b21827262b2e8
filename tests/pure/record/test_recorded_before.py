"""Runs that an earlier release recorded, one with faults and one in containers, are read and judged as they were."""

import json
import tarfile
from dataclasses import asdict
from pathlib import Path

import pytest

from harness.record.folder import Folder
from harness.record.migration import LintFinding, MigrationRecord, MigrationStep
from harness.record.run_folder import RunFolder
from harness.verdict.result import analyse
from reports.json.run import verdict_record

RECORDED = Path(__file__).parents[1] / "golden/recorded"


@pytest.fixture(params=["outage", "demo_docker"])
def recorded(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    with tarfile.open(RECORDED / f"{request.param}.tar.xz") as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # Python 3.11.4 has it
        archive.extractall(tmp_path)  # noqa: S202 - our own archive
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


def test_the_record_of_a_migration_is_read_with_the_keys_of_an_earlier_release(tmp_path: Path) -> None:
    step = MigrationStep("upgrade", None, "head", 1.0, 2.0)
    now = MigrationRecord("sustain", steps=(step,), lints=(LintFinding(0, 1, "a rule", "a message"),))
    folder = Folder(tmp_path)
    text = folder.write_json("record.json", asdict(now)).read_text()
    assert folder.decode("record.json", MigrationRecord) == now
    folder.write("record.json", text.replace('"steps"', '"passages"').replace('"step"', '"passage"'))
    assert folder.decode("record.json", MigrationRecord) == now
