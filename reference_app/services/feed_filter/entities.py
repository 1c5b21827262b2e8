"""Inputs and outputs of the feed filter service, shared by both implementations.

Statistics are of past days, in UTC: events of today count tomorrow, and counts of past days never change.
"""

from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt

from reference_app.fields import Id, Input, Name, Title

USER_COLUMNS = "users.id, users.email, users.name"
CONFIGURATION_COLUMNS = "user_id, strictness, least_confidence, hides_promotions, updated_at"
EVENT_COLUMNS = "id, user_id, kind, post, created_at"
CLASSIFICATION_COLUMNS = "key, label, confidence, model, classified_at"
COUNTED = """(created_at AT TIME ZONE 'UTC')::date AS day, count(*) AS events,
    count(*) FILTER (WHERE kind = 'post_shown') AS shown, count(*) FILTER (WHERE kind = 'post_filtered') AS filtered"""

UserKey = Literal["id", "email"]
Percent = Annotated[StrictInt, Field(ge=0, le=100)]


class NewKeyword(Input):
    """A keyword that a user filters out."""

    keyword: Title


class Configuration(Input):
    """The strictness of the filter, and the minimum confidence of a classification."""

    strictness: Literal["relaxed", "balanced", "strict"]
    least_confidence: Percent
    hides_promotions: StrictBool


class NewEvent(Input):
    """An event of a user and a post, which is identified by its classification key."""

    user_id: Id
    kind: Literal["post_shown", "post_filtered", "post_expanded", "post_reported"]
    post: Name


class Classification(Input):
    """A classification of a post, made by another service."""

    label: Name
    confidence: Percent
    model: Name
