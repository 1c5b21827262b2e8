# ruff: noqa: N999 - named the way Alembic names revisions
"""The indexes for the queries of the content streaming service, built online."""

from reference_app.migrations import indexes
from reference_app.migrations.indexes import Index

revision = "0002"
down_revision = "0001"

INDEXES = (
    Index(
        "creators_by_handle",
        on="creators (handle)",
        needed_by="CREATORS: a creator by handle, of which there is one",
        unique=True,
    ),
    Index(
        "videos_of_creator",
        on="videos (creator_id, published_at DESC, id DESC) WHERE status = 'published'",
        needed_by="CREATORS: the published videos of a creator, how many and the newest",
    ),
    Index(
        "videos_by_publication",
        on="videos (published_at DESC, id DESC) WHERE status = 'published'",
        needed_by="SHELVES: the newest videos",
    ),
    Index(
        "videos_by_views",
        on="videos (view_count DESC, id) WHERE status = 'published'",
        needed_by="SHELVES and MOST_VIEWED: the popular videos",
    ),
    Index(
        "transcoding_jobs_of_video",
        on="transcoding_jobs (video_id, rendition, status)",
        needed_by="VIDEO reads the jobs of a video, CREATORS and publishing its finished renditions",
    ),
    Index(
        "transcoding_jobs_unfinished",
        on="transcoding_jobs (rendition, video_id) WHERE status IN ('queued', 'running')",
        needed_by="enqueueing: one unfinished job for a video and rendition at most",
        unique=True,
    ),
    Index(
        "transcoding_jobs_queued",
        on="transcoding_jobs (created_at, id) WHERE status = 'queued'",
        needed_by="CLAIM: the oldest job that waits",
    ),
    Index(
        "transcoding_jobs_running",
        on="transcoding_jobs (started_at) WHERE status = 'running'",
        needed_by="REQUEUE: what has been running for too long, every night",
    ),
    Index(
        "video_views_of_user",
        on="video_views (user_id, created_at DESC, id DESC)",
        needed_by="VIEWS: what a user watched, last first",
    ),
    Index(
        "video_views_of_video",
        on="video_views (video_id, created_at DESC, id DESC)",
        needed_by="VIEWS: who watched a video, last first",
    ),
    Index(
        "video_views_by_time",
        on="video_views (created_at) INCLUDE (video_id)",
        needed_by="SHELVES: what was watched on the last day, for the trending videos",
    ),
)


def upgrade() -> None:
    """Build the indexes."""
    indexes.create(INDEXES)


def downgrade() -> None:
    """Remove the indexes."""
    indexes.drop(INDEXES)
