"""A project folder for each test, and one complete run that several tests share."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runs.project import Measured, Project


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    made = Project(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="session")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Measured]:
    """One complete run of the program as a process, shared by several tests."""
    made = Project(tmp_path_factory.mktemp("measured"))
    process = made.start("run", "plan.toml", "--plain")
    stdout, stderr = process.communicate(timeout=200)
    yield made, subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)
    made.close()
