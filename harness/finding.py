"""Finding: what makes the numbers of a run unusable, or less certain, and what to do about it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """A broken guard, which makes a run INVALID, or a caveat about its numbers.

    Attributes:
        code: what kind of finding it is, such as ``FEW_BLOCKS``; it never changes.
        seen: what was seen, with its numbers.
        advice: what to do about it.
    """

    code: str
    seen: str
    advice: str
