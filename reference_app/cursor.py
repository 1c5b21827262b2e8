"""Cursor: a position in a paged list, newest first (keyset pagination).

It consists of a time and an id, not of a number of entries to skip: inserts and deletes shift no page, and an index in
this order starts at the page.
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
    """The position before entries of an earlier time, or of the same time with a lower id."""

    moment: datetime
    id: int

    @classmethod
    def behind(cls, page: Sequence[Row], limit: int, moment: str) -> str | None:
        """The cursor of the next page: the last entry of a full page, whose ``moment`` is its time."""
        return str(cls(page[-1][moment], page[-1]["id"])) if len(page) == limit else None

    def __str__(self) -> str:
        return f"{(self.moment - _EPOCH) // _MICROSECOND}-{self.id}"


START = Cursor(LATEST, LARGEST_ID)
"""The position before all entries."""


async def before(request: Request) -> Cursor:
    """The cursor of the request, as an earlier response gave it, or the start."""
    text = request.query_params.get("before")
    if text is None:
        return START
    written = _WRITTEN.fullmatch(text)
    if written is None or not 1 <= int(written[2]) <= LARGEST_ID:
        raise InvalidError("before: must be the next of an earlier answer")
    return Cursor(_EPOCH + int(written[1]) * _MICROSECOND, int(written[2]))
