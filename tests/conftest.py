"""A Hypothesis profile, a folder that all workers share, and signals as in a terminal, before any test is collected."""

import os
import shutil
import signal
import tempfile

import pytest

import tests.examples  # noqa: F401 - loads the profile
from tests.shared import VARIABLE

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background (nohup, a script's "&"): programs that the tests start would ignore SIGINT, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder that all workers share; they inherit the environment of the process that starts them."""
    if not hasattr(config, "workerinput"):
        os.environ[VARIABLE] = tempfile.mkdtemp(prefix="harness-tests-")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove it."""
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ.pop(VARIABLE), ignore_errors=True)
