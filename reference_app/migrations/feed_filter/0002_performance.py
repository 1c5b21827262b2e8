# ruff: noqa: N999 - named the way Alembic names revisions
"""A materialized view of past days, and the indexes for the queries of the feed filter service.

All of it is built online; four of the indexes are unique.
"""

from alembic import op

from reference_app.migrations import indexes
from reference_app.migrations.indexes import Index

revision = "0002"
down_revision = "0001"

INDEXES = (
    Index(
        "users_by_email",
        on="users (email)",
        needed_by="SETTINGS: a user by e-mail address, of whom there is one",
        unique=True,
    ),
    Index(
        "keywords_of_user",
        on="keywords (user_id, keyword)",
        needed_by="USERS and SETTINGS read the keywords of a user, ADD_KEYWORD adds none twice",
        unique=True,
    ),
    Index(
        "filter_configurations_of_user",
        on="filter_configurations (user_id)",
        needed_by="SETTINGS and CONFIGURE: a user has one at most",
        unique=True,
    ),
    Index(
        "analytics_events_of_user",
        on="analytics_events (user_id, created_at DESC, id DESC)",
        needed_by="EVENTS: what a user met, last first; STATISTICS counts those that the view does not hold",
    ),
    Index(
        "analytics_events_by_time",
        on="analytics_events (created_at)",
        needed_by="TOTALS counts the events that the view does not hold",
    ),
    Index(
        "classifications_by_key",
        on="classifications (key)",
        needed_by="classifications are looked up by key, CLASSIFY keeps one for each",
        unique=True,
    ),
    Index(
        "daily_stats_of_user",
        on="daily_stats (user_id, day)",
        needed_by="STATISTICS: the days of a user; CLOSE_DAYS refreshes beside readers, which takes a unique index",
        unique=True,
    ),
    Index(
        "daily_stats_by_day",
        on="daily_stats (day)",
        needed_by="STATISTICS and TOTALS look for the last day of the view",
    ),
)


def upgrade() -> None:
    """Create the view, then build the indexes.

    The view holds a day one minute after its end: inserts that began before midnight have then long been committed.
    """
    op.execute("""
        CREATE MATERIALIZED VIEW IF NOT EXISTS daily_stats AS
        SELECT user_id, (created_at AT TIME ZONE 'UTC')::date AS day, count(*) AS events,
            count(*) FILTER (WHERE kind = 'post_shown') AS shown,
            count(*) FILTER (WHERE kind = 'post_filtered') AS filtered
        FROM analytics_events
        WHERE created_at < date_trunc('day', now() - interval '1 minute', 'UTC')
        GROUP BY user_id, (created_at AT TIME ZONE 'UTC')::date
    """)
    op.execute("ANALYZE daily_stats")
    indexes.create(INDEXES)


def downgrade() -> None:
    """Drop the indexes and the view."""
    indexes.drop(INDEXES)
    op.execute("DROP MATERIALIZED VIEW IF EXISTS daily_stats")
