"""Unread: what a server does not tell, as it lacks something or we may not ask, and how to have it tell."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unread:
    """What is missing of a ``server`` beside the load: what is not there, why, and what to do about it."""

    server: str
    what: str
    why: str
    fix: str


@dataclass(frozen=True, slots=True)
class NotRead:
    """A doubt that names what is missing; reads like a ``Doubt``."""

    unread: Unread

    @property
    def name(self) -> str:
        """As of a member of ``Doubt``."""
        return "NOT_READ"

    @property
    def value(self) -> tuple[str, str]:
        """What was seen, and what to do about it."""
        one = self.unread
        return f"{one.what} of {one.server} could not be read: {one.why}", one.fix


def not_read(found: Iterable[Unread]) -> list[NotRead]:
    """Each once, in the order in which they were met."""
    return [NotRead(one) for one in dict.fromkeys(found)]
