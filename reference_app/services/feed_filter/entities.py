"""What goes in and out of the feed filter service, in the form that both implementations share.

Statistics are of days that are over, in UTC: what happens today counts tomorrow, and what counts never changes.
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
    """What a user does not want to read about."""

    keyword: Title


class Configuration(Input):
    """How much is filtered, and from which confidence of a classifier on."""

    strictness: Literal["relaxed", "balanced", "strict"]
    least_confidence: Percent
    hides_promotions: StrictBool


class NewEvent(Input):
    """A post met a user; it is named by the key of its classification."""

    user_id: Id
    kind: Literal["post_shown", "post_filtered", "post_expanded", "post_reported"]
    post: Name


class Classification(Input):
    """What a classifier answered about a post; this service asks none."""

    label: Name
    confidence: Percent
    model: Name
