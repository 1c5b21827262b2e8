"""Before collection: the Hypothesis profile, a folder shared by all workers, and the default handler of SIGINT."""

import os
import shutil
import signal
import tempfile

import pytest
from xdist.scheduler import LoadFileScheduling

import tests.examples  # noqa: F401 - loads the profile
from tests.shared import VARIABLE

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background (nohup, a script's "&"): child processes would inherit the ignored SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    """Create the folder that all workers share: they inherit its path in the environment."""
    if not hasattr(config, "workerinput"):
        os.environ[VARIABLE] = tempfile.mkdtemp(prefix="harness-tests-")


class FileScheduling(LoadFileScheduling):
    """Runs the tests of a file in one worker, and those of a reference service, which share seeded databases."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        folder = file.rpartition("/")[0]
        return folder if folder.startswith("tests/reference/") else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> FileScheduling | None:
    return FileScheduling(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the shared folder."""
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ.pop(VARIABLE), ignore_errors=True)
