"""Findings: facts that make the numbers of a run unusable or less certain, with a remedy."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """A broken guard, which makes a run INVALID, or a caveat."""

    code: str  # the kind, such as ``FEW_BLOCKS``; it never changes
    seen: str  # the observation with its numbers
    advice: str  # the remedy
