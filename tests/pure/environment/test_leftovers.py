"""Leftovers of killed runs in the scratch folder."""

import os
import time
from pathlib import Path

import psutil
import pytest

from harness.environment.leftovers import remove_leftovers

DEAD = "999999-1-abcdef"


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


def owned(folder: Path, text: str | None, age: float = 0) -> Path:
    folder.mkdir()
    if text is not None:
        (folder / "owner").write_text(text)
    os.utime(folder, (time.time() - age,) * 2)
    return folder


def test_folders_of_runs_that_are_over_go_and_no_others(scratch: Path) -> None:
    me = f"{os.getpid()}-{int(psutil.Process().create_time())}-abcdef"
    running = owned(scratch / "running", f"{me}\n{scratch / 'running'}")
    beginning = owned(scratch / "beginning", None)
    for name, text in (("killed", f"{DEAD}\n{scratch / 'killed'}"), ("early", None), ("cut", ""), ("odd", "nobody\n")):
        owned(scratch / name, text, age=7200)
    said = [*remove_leftovers()]
    assert sorted(scratch.iterdir()) == [beginning, running]
    assert f"ended run {DEAD} and removed {scratch / 'killed'}" in said
