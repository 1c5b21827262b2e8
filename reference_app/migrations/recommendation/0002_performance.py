# ruff: noqa: N999 - named the way Alembic names revisions
"""The indexes that the queries of the recommendation service need, built while it runs."""

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
        "content_tags_of_content",
        on="content_tags (content_id, tag)",
        needed_by="CONTENT and RECOMMENDATIONS read the tags of a content, and whether it has one of several",
    ),
    Index(
        "user_interests_of_user",
        on="user_interests (user_id, tag)",
        needed_by="RECOMMENDATIONS reads the tags a user is interested in",
    ),
    Index(
        "user_interactions_of_user",
        on="user_interactions (user_id, content_id)",
        needed_by="RECOMMENDATIONS leaves out what the user has interacted with",
    ),
)


def upgrade() -> None:
    """Build the indexes."""
    indexes.create(INDEXES)


def downgrade() -> None:
    """Remove the indexes."""
    indexes.drop(INDEXES)
