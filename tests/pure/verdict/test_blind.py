"""Sixty modifications of the record of a run that passes: none passes, and each has its finding."""

from pathlib import Path
from random import Random

import pytest

from harness.plan.file import parse_plan
from harness.record.run_folder import RunFolder
from harness.run.context import Observer, RunContext, Source
from harness.run.experiment import Effort, measure
from tests.doubles import PLAN, FakeEnvironment, FakeLoad
from tests.trials.blind import TARGETS, judged, trial
from tests.trials.spoilt import FAULTS, Fault

TEXT = PLAN.replace("[arms.after]", '[arms.after]\nenv = { RELEASE = "new" }') + TARGETS


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run without a system under test whose verdict is PASS."""
    folder = tmp_path_factory.mktemp("record")
    (folder / "plan.toml").write_text(TEXT)
    (folder / "users.py").write_text("")
    source = Source(parse_plan(TEXT), TEXT, folder / "plan.toml", (folder / "users.py",))
    run = RunFolder.create(folder / "runs", "run")
    measure(RunContext(source, run, FakeEnvironment([]), Observer(), FakeLoad([])), Effort())
    return run.path


def test_the_unmodified_record_passes(record: Path) -> None:
    assert judged(record)[0] == 0


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "-"))
def test_a_modified_record_does_not_pass_and_the_finding_is_named(record: Path, fault: Fault) -> None:
    done = trial(record, fault, Random(f"1:{fault.name}"))
    assert done.status in {1, 2, 3, 4}, done.said
    assert done.named, done.said
    assert "Traceback" not in done.said
