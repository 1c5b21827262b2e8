"""Everything that can go wrong for a reason the user can act on.

    HarnessError
    ├── PlanError             the plan cannot be run as written              exit 2
    ├── RunFolderError        a recorded run cannot be read or written       exit 2
    ├── IncomparableError     two runs that do not measure the same thing    exit 2
    ├── PackageMissingError   an optional package is not installed           exit 2
    ├── AddressError          where workers are to be met cannot be used     exit 2
    ├── MeasurementError      the generator broke; its numbers are void      exit 4
    ├── DiskFullError         a disk has no room for what is measured        exit 5
    └── EnvironmentFailedError   the system under test did not come up,         exit 5
        │                     could not be migrated or did not stay up
        ├── CommandError      a command of the plan failed
        └── NotReadyError     a server or service did not answer in time

A failed request is not here: it is a sample. Evidence (the last lines of a log) travels with an error as a note.
"""

import errno
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path


class HarnessError(Exception):
    """The root: its text is one line, ready to be shown to the user."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a plan: where (``stages[1].seconds``), what, and what to do about it."""

    where: str
    what: str

    def __str__(self) -> str:
        """Read as one line."""
        return f"{self.where}: {self.what}" if self.where else self.what


class PlanError(HarnessError):
    """The plan cannot be run as written; carries every problem found, not only the first."""

    def __init__(self, source: Path | str, problems: Sequence[Problem]) -> None:
        self.source = source
        self.problems = tuple(problems)
        if len(self.problems) == 1:
            super().__init__(f"{source}: {self.problems[0]}")
        else:
            listed = "".join(f"\n  {problem}" for problem in self.problems)
            super().__init__(f"{source}: {len(self.problems)} problems{listed}")


class RunFolderError(HarnessError):
    """A run folder is missing, incomplete, of a newer schema, damaged or cannot be written."""


class IncomparableError(HarnessError):
    """Two runs that differ in a fact that must be equal; the text names the facts."""


class PackageMissingError(HarnessError):
    """A package that only some commands need is not installed; the text says how to install it."""


class AddressError(HarnessError):
    """An address for workers is none, is taken, or is reached by other machines and nobody said that this is meant."""


class MeasurementError(HarnessError):
    """The generator stopped, lost samples or could not load the user files."""


class DiskFullError(HarnessError):
    """A disk has no room for what is measured, or for what that needs."""

    FULL = frozenset({errno.ENOSPC, errno.EDQUOT})

    def __init__(self, where: Path | str) -> None:
        super().__init__(
            f"{where}: no space left on the disk; free some, or choose another one: --out names where runs go, "
            "HARNESS_CACHE where seeds and scratch files go"
        )


class EnvironmentFailedError(HarnessError):
    """The system under test did not come up, could not be migrated or did not stay up."""


class CommandError(EnvironmentFailedError):
    """A command of the plan ended with a status other than zero or took too long."""


class NotReadyError(EnvironmentFailedError):
    """A server or a service did not become ready within its time limit."""


def first_line(error: BaseException) -> str:
    """The first line of an error's text; the name of its class if it has no text."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def nearest(name: str, known: Collection[str]) -> str:
    """What to say of a name that is not known: the known one that is like it, or else all of them."""
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    return f'did you mean "{near[0]}"?' if near else f"known are {', '.join(known) or 'none'}"
