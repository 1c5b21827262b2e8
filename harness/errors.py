"""The errors that a user can act on; ``cli/main.py`` has their exit codes.

A failed request is a sample, not an error. Evidence, such as the last lines of a log, is a note of the error.
"""

import errno
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path


class HarnessError(Exception):
    """The base class; its text is one line for the user."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem of a plan: where (``stages[1].seconds``), what, and the remedy."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what


class PlanError(HarnessError):
    """The plan cannot be run as written; ``problems`` has every problem found."""

    def __init__(self, source: Path | str, problems: Sequence[Problem]) -> None:
        self.source = source
        self.problems = tuple(problems)
        if len(self.problems) == 1:
            super().__init__(f"{source}: {self.problems[0]}")
        else:
            listed = "".join(f"\n  {problem}" for problem in self.problems)
            super().__init__(f"{source}: {len(self.problems)} problems{listed}")


class RunFolderError(HarnessError):
    """A run folder is missing, incomplete, damaged, of a newer schema, or not writable."""


class IncomparableError(HarnessError):
    """Two runs differ in facts that must be equal; the text names them."""


class PackageMissingError(HarnessError):
    """An optional package is not installed; the text has the command that installs it."""


class AddressError(HarnessError):
    """An address for workers is invalid, in use, or open to other machines without the plan allowing it."""


class MeasurementError(HarnessError):
    """The generator stopped, lost samples or could not load the user files."""


class DiskFullError(HarnessError):
    """A disk has no space left for samples, servers or reports."""

    FULL = frozenset({errno.ENOSPC, errno.EDQUOT})

    def __init__(self, where: Path | str) -> None:
        super().__init__(
            f"{where}: no space left on the disk; free some, or choose another one: --out is the output folder, "
            "HARNESS_CACHE the folder of seeds and scratch files"
        )


class EnvironmentFailedError(HarnessError):
    """The system under test did not start, could not be migrated or did not stay up."""


class CommandError(EnvironmentFailedError):
    """A command of the plan ended with a status other than zero or took too long."""


class NotReadyError(EnvironmentFailedError):
    """A server or a service did not become ready within its time limit."""


def first_line(error: BaseException) -> str:
    """The first line of an error's text; the name of its class if it has no text."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def nearest(name: str, known: Collection[str]) -> str:
    """A hint for an unknown name: the most similar known name, else all of them."""
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    return f'did you mean "{near[0]}"?' if near else f"known are {', '.join(known) or 'none'}"
