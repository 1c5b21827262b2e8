"""The folder that all workers of a test run share; the environment carries its path to them."""

import os
from pathlib import Path

VARIABLE = "TESTS_SHARED_FOLDER"


def shared_folder() -> Path:
    """The folder, which exists while tests run."""
    return Path(os.environ[VARIABLE])
