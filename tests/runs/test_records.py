"""``compare`` and ``history`` on run folders of synthetic measurements."""

import json
import shutil
from pathlib import Path

import pytest

from harness.plan.file import parse_plan
from harness.record.run_folder import RunFolder
from harness.run.context import Observer, RunContext, Source
from harness.run.experiment import Effort, measure
from tests.doubles import PLAN, FakeEnvironment, FakeLoad
from tests.runs.in_process import harness


def record(parent: Path, name: str, plan: str = PLAN, **how: float) -> Path:
    (parent / "users.py").write_text("# users")
    source = Source(parse_plan(plan), plan, parent / "plan.toml", (parent / "users.py",))
    folder = RunFolder.create(parent, name)
    measure(RunContext(source, folder, FakeEnvironment([]), Observer(), FakeLoad([], **how)), Effort())  # type: ignore[arg-type]
    return folder.path


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with its report."""
    run = record(tmp_path_factory.mktemp("recorded"), "run")
    assert harness("report", run).returncode == 0
    return run


def on_day(recorded: Path, runs: Path, day: int, factor: float = 1.0, **facts: object) -> Path:
    """A copy of the run, measured on another day, whose P95 is another."""
    run = runs / f"2026-03-{day:02d}-run"
    shutil.copytree(recorded, run, ignore=shutil.ignore_patterns("trials", "report.html"))
    setup = json.loads((run / "setup.json").read_text())
    (run / "setup.json").write_text(json.dumps(setup | {"started": f"2026-03-{day:02d}T10:00:00+00:00"} | facts))
    comparison = json.loads((run / "comparison.json").read_text())
    for pair in comparison["pairs"]:
        if pair["metric"] == "p95" and pair["after"]:
            pair["after"] *= factor
    (run / "comparison.json").write_text(json.dumps(comparison))
    return run


def test_a_planted_change_is_found_in_recorded_runs(recorded: Path, tmp_path: Path) -> None:
    for day, factor in enumerate([1.0, 1.02, 0.98, 1.01, 0.99, 1.31, 1.3, 1.28, 1.32, 1.3], start=1):
        on_day(recorded, tmp_path, day, factor)
    shown = harness("history", tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "change point  from 2026-03-06-run on: " in shown.stdout
    assert "2026-03-06 10:00 UTC" in shown.stdout
    failed = harness("history", tmp_path, "--fail-on-change", "--json")
    assert failed.returncode == 1
    (line,) = json.loads(failed.stdout)["lines"]
    assert [point["run"] for point in line["change_points"]] == ["2026-03-06-run"]
    steady = harness("history", tmp_path, "--fail-on-change", "--metric", "p50", "--stage", "sustain")
    assert steady.returncode == 0
    assert "no change point" in steady.stdout


def test_runs_that_cannot_be_followed_are_skipped_with_a_note(recorded: Path, tmp_path: Path) -> None:
    on_day(recorded, tmp_path, 1)
    (on_day(recorded, tmp_path, 2) / "setup.json").write_text('{"schema": 1')
    (on_day(recorded, tmp_path, 3) / "comparison.json").unlink()
    (on_day(recorded, tmp_path, 4) / "comparison.json").write_text('{"schema": 1, "pairs": [{"metric": 7}]}')
    (on_day(recorded, tmp_path, 5) / "verdict.json").write_text('{"schema": 1, "outcome": "INVALID"}')
    (on_day(recorded, tmp_path, 6) / "comparison.json").write_text('{"schema": 2}')
    (on_day(recorded, tmp_path, 7) / "plan.toml").write_text("not a plan")
    on_day(recorded, tmp_path, 8, profile=None, host={"cpu": "Another CPU"})
    (tmp_path / "notes").mkdir()
    shown = harness("history", tmp_path)
    assert shown.returncode == 0, shown.stderr
    notes = {
        line.split()[1].rstrip(":")[8:10]: line for line in shown.stdout.splitlines() if line.startswith("skipped")
    }
    assert list(notes) == ["02", "03", "04", "05", "06", "07"]
    for day, said in (
        ("02", "damaged"),
        ("03", "harness report"),
        ("04", "damaged at"),
        ("05", "INVALID"),
        ("06", "schema 2"),
    ):
        assert said in notes[day]
    assert "differs from the runs above  host cpu: " in shown.stdout
    assert "1 run: 7 more runs needed" in shown.stdout
    assert "Traceback" not in shown.stderr


def test_a_folder_without_runs_is_an_error_with_advice(recorded: Path, tmp_path: Path) -> None:
    for where, said in ((tmp_path, "no recorded run in it"), (tmp_path / "nowhere", "cannot be read")):
        refused = harness("history", where)
        assert refused.returncode == 2
        assert said in refused.stderr
        assert "name the folder" in refused.stderr
        assert refused.stdout == ""
    on_day(recorded, tmp_path, 1)
    for option, name in (("--plan", "another"), ("--stage", "sustian")):
        blind = harness("history", tmp_path, option, name, "--fail-on-change")
        assert blind.returncode == 2  # nothing to look at is not the same as nothing found
        assert "no run has this value" in blind.stderr
    unknown = harness("history", tmp_path, "--metric", "p77")
    assert unknown.returncode == 2


def test_runs_with_other_targets_and_numbers_of_blocks_are_compared(recorded: Path, tmp_path: Path) -> None:
    other = PLAN.replace("falls by 50 %", "falls by 60 %").replace("blocks = 2", "blocks = 3")
    new = record(tmp_path, "new", other, change=0.5)
    done = harness("compare", recorded, new)
    assert done.returncode == 0, done.stderr
    assert "FORCED" not in done.stdout
    row = next(line for line in done.stdout.splitlines() if line.startswith("  P95"))
    assert row.endswith("inconclusive")
    assert "sequential legs, and the noise floor is unknown" in done.stdout


def test_a_forced_comparison_is_named_so_first_and_last(recorded: Path, tmp_path: Path) -> None:
    new = record(tmp_path, "new", PLAN.replace("seconds = 30", "seconds = 31"))
    refused = harness("compare", recorded, new)
    assert (refused.returncode, refused.stdout) == (2, "")
    forced = harness("compare", recorded, new, "--force")
    lines = forced.stdout.splitlines()
    assert lines[0].startswith("FORCED: ")
    assert lines[1] == "differs  stages: the plans load differently"
    assert lines[-1].startswith("FORCED: ")


def test_runs_without_a_complete_block_or_with_damage_are_refused(recorded: Path, tmp_path: Path) -> None:
    before_only = tmp_path / "before-only"
    shutil.copytree(recorded, before_only, ignore=shutil.ignore_patterns("*-after"))
    refused = harness("compare", recorded, before_only)
    assert refused.returncode == 2
    assert f"{before_only}: no complete block to compare" in refused.stderr
    damaged = tmp_path / "damaged"
    shutil.copytree(recorded, damaged)
    next(damaged.glob("trials/*/samples/*.parquet")).write_bytes(b"PAR1")
    broken = harness("compare", damaged, recorded, "--force")
    assert broken.returncode == 2
    assert "Traceback" not in broken.stderr
    assert str(damaged) in broken.stderr


def test_an_invalid_run_is_compared_and_decides_nothing(recorded: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(recorded, broken)
    windows = next(broken.glob("trials/*-after/windows.json"))
    found = json.loads(windows.read_text())
    windows.write_text(json.dumps(found | {"cpu_share": 0.99}))
    done = harness("compare", recorded, broken)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("BROKEN: ")
    assert "inconclusive: a guard broke" in done.stdout.lower()
