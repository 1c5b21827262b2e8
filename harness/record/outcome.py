"""The outcomes of a check and of a run."""

from enum import StrEnum


class Outcome(StrEnum):
    """The result of a check or of a run; the worst, which is the last, decides."""

    PASS = "PASS"  # noqa: S105 - an outcome, not a password
    INCONCLUSIVE = "INCONCLUSIVE"
    FAIL = "FAIL"
    INVALID = "INVALID"
