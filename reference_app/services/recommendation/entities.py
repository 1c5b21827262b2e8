"""Inputs and outputs of the recommendation service, shared by both implementations."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pydantic import Field

from reference_app.answers import encode
from reference_app.database import Row
from reference_app.fields import Id, Input, Moment, Names, Text, Title, now

CONTENT_COLUMNS = """
    contents.id, contents.creator_id, contents.title, contents.body, contents.view_count, contents.like_count,
    contents.share_count, contents.engagement_score, contents.created_at, contents.updated_at"""


class Kind(StrEnum):
    """The kind of an interaction."""

    VIEW = "view"
    LIKE = "like"
    SHARE = "share"


class Shelf(StrEnum):
    """A criterion for lists of contents."""

    NEWEST = "newest"
    CREATOR = "creator"
    TAG = "tag"
    HISTORY = "history"


_NEWEST_FIRST = "ORDER BY contents.created_at DESC, contents.id DESC"
SHELVES = {
    Shelf.NEWEST: _NEWEST_FIRST,
    Shelf.CREATOR: f"WHERE contents.creator_id = %(value)s {_NEWEST_FIRST}",
    Shelf.TAG: f"JOIN content_tags has ON has.content_id = contents.id WHERE has.tag = %(value)s {_NEWEST_FIRST}",
    Shelf.HISTORY: """JOIN user_interactions seen ON seen.content_id = contents.id
        WHERE seen.user_id = %(value)s ORDER BY seen.created_at DESC, seen.id DESC""",
}


class ContentChange(Input):
    """The editable fields of a content."""

    title: Title
    body: Text
    tags: Names


class NewContent(ContentChange):
    """A content to create."""

    creator_id: Id


class NewInteraction(Input):
    """An interaction of a user with a content."""

    user_id: Id
    content_id: Id
    kind: Kind


class ScoreUpdate(Input):
    """A request to recompute the engagement scores as of a given time."""

    as_of: Moment = Field(default_factory=now)


@dataclass(frozen=True, slots=True)
class Listing:
    """Contents for a user, each with its tags, and the interests that selected them, where known."""

    items: Sequence[Row]
    interests: Sequence[str] | None = None


def content_answer(content: Row, tags: Iterable[str]) -> bytes:
    """One content with its live counters."""
    return encode({**content, "tags": sorted(tags)})


def list_answer(items: Iterable[Row], **about: object) -> bytes:
    """A list of contents. It omits counters, which change with every view."""
    shown = ("id", "title", "engagement_score")
    listed = [{name: item[name] for name in shown} | {"tags": sorted(item["tags"])} for item in items]
    return encode({**about, "items": listed})
