"""Cursor: a place in a list that is read page by page, newest first.

It names a moment and an id, not a number of entries to skip: what is added or removed meanwhile moves no page, and a
database that has the list in this order begins to read where the page begins.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from starlette.requests import Request

from reference_app.database import Row
from reference_app.errors import InvalidError
from reference_app.fields import LARGEST_ID, LATEST

_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_WRITTEN = re.compile(r"([0-9]{1,16})-([0-9]{1,19})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cursor:
    """What is from before this moment, or from it with a lower id, comes after this place."""

    moment: datetime
    id: int

    @classmethod
    def behind(cls, page: Sequence[Row], limit: int, moment: str) -> str | None:
        """Where the next page begins: behind the last entry of a full one, whose ``moment`` says when it was."""
        return str(cls(page[-1][moment], page[-1]["id"])) if len(page) == limit else None

    def __str__(self) -> str:
        return f"{(self.moment - _EPOCH) // _MICROSECOND}-{self.id}"


START = Cursor(LATEST, LARGEST_ID)
"""The place before everything that is recorded."""


async def before(request: Request) -> Cursor:
    """Where the wanted page begins: as an earlier answer said, or at the start."""
    text = request.query_params.get("before")
    if text is None:
        return START
    written = _WRITTEN.fullmatch(text)
    if written is None or not 1 <= int(written[2]) <= LARGEST_ID:
        raise InvalidError("before: must be the next of an earlier answer")
    return Cursor(_EPOCH + int(written[1]) * _MICROSECOND, int(written[2]))
