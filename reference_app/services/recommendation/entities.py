"""What goes in and out of the recommendation service, in the form that both releases share."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StrictInt, StrictStr

from reference_app.answers import LARGEST_ID, encode

LIMIT_DEFAULT, LIMIT_LARGEST = 10, 100
CONTENT_COLUMNS = """
    contents.id, contents.creator_id, contents.title, contents.body, contents.view_count, contents.like_count,
    contents.share_count, contents.engagement_score, contents.created_at, contents.updated_at"""

Row = Mapping[str, Any]


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not contain NUL")
    return text


def _each_once(tags: list[str]) -> list[str]:
    return sorted(set(tags))


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("must lie between the years 1 and 9999 in UTC") from None


Id = Annotated[StrictInt, Field(ge=1, le=LARGEST_ID)]
Title = Annotated[StrictStr, Field(min_length=1, max_length=200), AfterValidator(_storable)]
Body = Annotated[StrictStr, Field(max_length=10_000), AfterValidator(_storable)]
Tag = Annotated[StrictStr, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
Tags = Annotated[list[Tag], Field(max_length=20), AfterValidator(_each_once)]


class Kind(StrEnum):
    """What a user did with a content."""

    VIEW = "view"
    LIKE = "like"
    SHARE = "share"


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ContentChange(_Input):
    """What the owner of a content may set."""

    title: Title
    body: Body
    tags: Tags


class NewContent(ContentChange):
    """A content to publish."""

    creator_id: Id


class NewInteraction(_Input):
    """A user did something with a content."""

    user_id: Id
    content_id: Id
    kind: Kind


class ScoreUpdate(_Input):
    """Recompute the engagement scores as they are at a moment."""

    as_of: Annotated[AwareDatetime, AfterValidator(_in_utc)] = Field(default_factory=lambda: datetime.now(UTC))


def content_answer(content: Row, tags: Iterable[str]) -> bytes:
    """One content with its live counters."""
    return encode({**content, "tags": sorted(tags)})


def recommendations_answer(user_id: int, items: Iterable[Row]) -> bytes:
    """A list for a user. Counters are left out: they change with every view, a list does not."""
    return encode(
        {
            "user_id": user_id,
            "items": [
                {
                    "id": item["id"],
                    "title": item["title"],
                    "engagement_score": item["engagement_score"],
                    "tags": sorted(item["tags"]),
                }
                for item in items
            ],
        }
    )


def interaction_answer(interaction_id: int, interaction: NewInteraction) -> bytes:
    """An interaction as recorded."""
    return encode({"id": interaction_id, **interaction.model_dump()})


def scores_answer(updated: int, as_of: datetime) -> bytes:
    """How many scores changed."""
    return encode({"updated": updated, "as_of": as_of})
