# ruff: noqa: N999 - named the way Alembic names revisions
"""The indexes for the queries of the recommendation service, built online."""

from reference_app.migrations import indexes
from reference_app.migrations.indexes import Index

revision = "0002"
down_revision = "0001"

INDEXES = (
    Index(
        "contents_by_engagement",
        on="contents (engagement_score DESC, id)",
        needed_by="RECOMMENDATIONS and TOP_CONTENTS read contents in the order of the answer and stop at the limit",
    ),
    Index(
        "contents_by_creation",
        on="contents (created_at DESC, id DESC)",
        needed_by="SHELVES: the newest contents",
    ),
    Index(
        "contents_of_creator",
        on="contents (creator_id, created_at DESC, id DESC)",
        needed_by="SHELVES: what a user created, last first",
    ),
    Index(
        "content_tags_of_content",
        on="content_tags (content_id, tag)",
        needed_by="CONTENT and RECOMMENDATIONS read the tags of a content, and whether it has one of several",
    ),
    Index(
        "content_tags_by_tag",
        on="content_tags (tag, content_id)",
        needed_by="SHELVES: contents with a tag",
    ),
    Index(
        "user_interests_of_user",
        on="user_interests (user_id, tag)",
        needed_by="RECOMMENDATIONS and INTERESTS read the tags a user is interested in",
    ),
    Index(
        "user_interactions_of_user",
        on="user_interactions (user_id, content_id)",
        needed_by="RECOMMENDATIONS leaves out what the user has interacted with",
    ),
    Index(
        "user_interactions_history",
        on="user_interactions (user_id, created_at DESC, id DESC)",
        needed_by="SHELVES: what a user met, last first",
    ),
    Index(
        "user_interactions_by_time",
        on="user_interactions (created_at) INCLUDE (user_id)",
        needed_by="ACTIVE_INTERESTS: who was active on the last day, every night",
    ),
)


def upgrade() -> None:
    """Build the indexes."""
    indexes.create(INDEXES)


def downgrade() -> None:
    """Remove the indexes."""
    indexes.drop(INDEXES)
