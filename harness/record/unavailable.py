"""Unread: what a server does not tell, as it lacks something or we may not ask, and how to have it tell."""

from collections.abc import Iterable
from dataclasses import dataclass

from harness.finding import Finding


@dataclass(frozen=True, slots=True)
class UnavailableReading:
    """What is missing of a ``server`` beside the load: what is not there, why, and what to do about it."""

    server: str
    what: str
    why: str
    fix: str


def not_read(unread: Iterable[UnavailableReading]) -> list[Finding]:
    """The caveats, each once, in the order in which they were met."""
    return [
        Finding("NOT_READ", f"{one.what} of {one.server} could not be read: {one.why}", one.fix)
        for one in dict.fromkeys(unread)
    ]
