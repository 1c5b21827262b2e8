# ruff: noqa: S608 - the joined texts are constants of this package
"""The SQL of the optimized release. Each index of revision 0002 names the statement that needs it."""

from typing import get_args

from reference_app.services.content_streaming import entities
from reference_app.services.content_streaming.entities import BY_SIZE, CREATOR_COLUMNS, JOB_COLUMNS, VIDEO_COLUMNS

_VIDEO_WITH_JOBS = f"""
    SELECT {VIDEO_COLUMNS}, creators.handle, ARRAY(
        SELECT jsonb_build_object('id', id, 'rendition', rendition, 'status', status, 'attempts', attempts)
        FROM transcoding_jobs WHERE video_id = videos.id {BY_SIZE}, id
    ) AS jobs
    FROM videos JOIN creators ON creators.id = videos.creator_id
"""
VIDEO = f"{_VIDEO_WITH_JOBS} WHERE videos.id = %(video_id)s"
MOST_VIEWED = f"{_VIDEO_WITH_JOBS} {entities.SHELVES[entities.Shelf.POPULAR]} LIMIT %(limit)s"

_LISTED = f"SELECT {VIDEO_COLUMNS}, creators.handle FROM videos JOIN creators ON creators.id = videos.creator_id"
SHELVES = {shelf: f"{_LISTED} {chosen} LIMIT %(limit)s" for shelf, chosen in entities.SHELVES.items()}

_CREATOR = f"""
    SELECT {CREATOR_COLUMNS}, (
        SELECT count(*) FROM videos WHERE creator_id = creators.id AND status = 'published'
    ) AS published_count, ARRAY(
        SELECT jsonb_build_object(
            'id', id, 'title', title, 'duration_seconds', duration_seconds, 'published_on', published_at::date,
            'renditions', ARRAY(
                SELECT rendition FROM transcoding_jobs WHERE video_id = videos.id AND status = 'finished'
                GROUP BY rendition {BY_SIZE}
            )
        )
        FROM videos WHERE creator_id = creators.id AND status = 'published'
        ORDER BY published_at DESC, id DESC LIMIT %(limit)s
    ) AS videos
    FROM creators
"""
CREATORS = {key: f"{_CREATOR} WHERE {key} = %(value)s" for key in get_args(entities.CreatorKey)}

_VIEWS = """
    SELECT seen.user_id, seen.video_id, videos.title, seen.seconds_watched, seen.created_at
    FROM video_views seen JOIN videos ON videos.id = seen.video_id
"""
VIEWS = {
    key: f"{_VIEWS} WHERE seen.{key} = %(value)s ORDER BY seen.created_at DESC, seen.id DESC LIMIT %(limit)s"
    for key in get_args(entities.ViewKey)
}

RECORD_VIEW = """
    WITH counted AS (
        UPDATE videos SET view_count = view_count + 1 WHERE id = %(video_id)s RETURNING id, view_count
    )
    INSERT INTO video_views (video_id, user_id, seconds_watched)
    SELECT id, %(user_id)s, %(seconds_watched)s FROM counted
    RETURNING id, (SELECT view_count FROM counted) AS view_count
"""

# SKIP LOCKED takes the next job instead of waiting for one that another worker is claiming.
CLAIM = f"""
    UPDATE transcoding_jobs
    SET status = 'running', worker = %(worker)s, attempts = attempts + 1, started_at = now()
    WHERE id = (
        SELECT id FROM transcoding_jobs WHERE status = 'queued' ORDER BY created_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    RETURNING {JOB_COLUMNS}
"""

# A lost worker never reports. The newest job has the highest id.
REQUEUE = """
    UPDATE transcoding_jobs SET status = 'queued', worker = NULL, started_at = NULL
    WHERE status = 'running'
    AND started_at < (SELECT created_at FROM transcoding_jobs ORDER BY id DESC LIMIT 1) - interval '1 day'
    RETURNING video_id
"""
