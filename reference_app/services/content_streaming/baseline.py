# ruff: noqa: S608 - the joined texts are constants of this package
"""The baseline queries of the content streaming service: correct, readable, and slow under load.

Written in the style of an ORM: load the entities, then the rows of each; change an entity, save all of it.
"""

from collections.abc import Sequence
from datetime import date

from reference_app.database import Connection, Database, Row, one, rows, transaction
from reference_app.errors import ConflictError
from reference_app.services.content_streaming import entities, statements
from reference_app.services.content_streaming.entities import BY_SIZE, CREATOR_COLUMNS, JOB_COLUMNS, VIDEO_COLUMNS

_VIDEO = f"SELECT {VIDEO_COLUMNS} FROM videos WHERE id = %s"
_CREATOR = f"SELECT {CREATOR_COLUMNS} FROM creators WHERE id = %s"
_JOBS = f"SELECT id, rendition, status, attempts FROM transcoding_jobs WHERE video_id = %s {BY_SIZE}, id"
_RENDITIONS = f"""
    SELECT rendition FROM transcoding_jobs WHERE video_id = %s AND status = 'finished'
    GROUP BY rendition {BY_SIZE}
"""
_UNFINISHED = """
    SELECT id FROM transcoding_jobs WHERE video_id = %s AND rendition = %s AND status IN ('queued', 'running')
"""
_OLDEST_QUEUED = "SELECT id FROM transcoding_jobs WHERE status = 'queued' ORDER BY created_at, id LIMIT 1 FOR UPDATE"
# In addition to the row lock, which the optimized release needs while both run: it takes no lock of the queue.
_LOCK_QUEUE = "SELECT pg_advisory_xact_lock(hashtext('transcoding_jobs'))"
_COUNT_PUBLISHED = "SELECT count(*) FROM videos WHERE creator_id = %s AND status = 'published'"
_NEWEST_PUBLISHED = """
    SELECT id, title, duration_seconds, published_at::date AS published_on FROM videos
    WHERE creator_id = %s AND status = 'published' ORDER BY published_at DESC, id DESC LIMIT %s
"""
_VIEWS = "SELECT user_id, video_id, seconds_watched, created_at FROM video_views"

_CREATE = f"""
    INSERT INTO videos (creator_id, title, description, duration_seconds)
    VALUES (%(creator_id)s, %(title)s, %(description)s, %(duration_seconds)s) RETURNING {VIDEO_COLUMNS}
"""
_UPDATE = f"""
    UPDATE videos SET title = %(title)s, description = %(description)s, updated_at = now() WHERE id = %(id)s
    RETURNING {VIDEO_COLUMNS}
"""
_PUBLISH = f"""
    UPDATE videos SET status = 'published', published_at = coalesce(published_at, now()), updated_at = now()
    WHERE id = %s RETURNING {VIDEO_COLUMNS}
"""
_ENQUEUE = f"INSERT INTO transcoding_jobs (video_id, rendition) VALUES (%s, %s) RETURNING {JOB_COLUMNS}"
_CLAIM = f"""
    UPDATE transcoding_jobs SET status = 'running', attempts = attempts + 1, started_at = now(), worker = %s
    WHERE id = %s RETURNING {JOB_COLUMNS}
"""
_FINISH = f"UPDATE transcoding_jobs SET finished_at = now(), status = %s WHERE id = %s RETURNING {JOB_COLUMNS}"
_RECORD = "INSERT INTO video_views (video_id, user_id, seconds_watched) VALUES (%s, %s, %s) RETURNING id"


class BaselineQueries:
    """One query for a list, and one more for each row."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def video(self, video_id: int) -> Row:
        """One video with its creator's handle, its counter and its jobs."""
        async with self.database.connection() as connection:
            video = await _with_handle(connection, await one(connection, _VIDEO, (video_id,), "video"))
            return {**video, "jobs": await rows(connection, _JOBS, (video_id,))}

    async def creator(self, key: entities.CreatorKey, value: int | str, limit: int) -> Row:
        """A creator with the newest published videos, newest first."""
        asked = f"SELECT {CREATOR_COLUMNS} FROM creators WHERE {key} = %s"
        async with self.database.connection() as connection:
            creator = await one(connection, asked, (value,), "creator")
            counted = await one(connection, _COUNT_PUBLISHED, (creator["id"],), "creator")
            videos = await rows(connection, _NEWEST_PUBLISHED, (creator["id"], limit))
            shown = []
            for video in videos:
                finished = await rows(connection, _RENDITIONS, (video["id"],))
                shown.append({**video, "renditions": [job["rendition"] for job in finished]})
            return {**creator, "published_count": counted["count"], "videos": shown}

    async def shelf(self, shelf: entities.Shelf, limit: int, today: date) -> Sequence[Row]:
        """Published videos by one criterion, each with its creator's handle; only views before ``today`` count."""
        listing = f"SELECT {VIDEO_COLUMNS} FROM videos {entities.SHELVES[shelf]} LIMIT %(limit)s"
        async with self.database.connection() as connection:
            listed = await rows(connection, listing, {"limit": limit, "today": today})
            return [await _with_handle(connection, video) for video in listed]

    async def views(self, key: entities.ViewKey, value: int, limit: int) -> Sequence[Row]:
        """The views of a user or of a video, each with the video's title, newest first."""
        asked = f"{_VIEWS} WHERE {key} = %s ORDER BY created_at DESC, id DESC LIMIT %s"
        async with self.database.connection() as connection:
            views = await rows(connection, asked, (value, limit))
            watched = {view["video_id"] for view in views}
            videos = {video_id: await one(connection, _VIDEO, (video_id,), "video") for video_id in watched}
            return [{**view, "title": videos[view["video_id"]]["title"]} for view in views]

    async def create_video(self, video: entities.NewVideo) -> Row:
        """Create a draft, which is in no list yet."""
        async with transaction(self.database) as connection:
            await one(connection, _CREATOR, (video.creator_id,), "creator")
            return await one(connection, _CREATE, video.model_dump(), "video")

    async def update_video(self, video_id: int, change: entities.VideoChange) -> Row:
        """Replace the editable fields of a video."""
        async with self.database.connection() as connection:
            return await one(connection, _UPDATE, {"id": video_id, **change.model_dump()}, "video")

    async def publish(self, video_id: int) -> Row:
        """Publish a video with a finished job. A republished one keeps the time of its first publication."""
        async with transaction(self.database) as connection:
            await one(connection, f"{_VIDEO} FOR NO KEY UPDATE", (video_id,), "video")
            if not await rows(connection, _RENDITIONS, (video_id,)):
                raise ConflictError(f"video {video_id} has no finished job")
            return await one(connection, _PUBLISH, (video_id,), "video")

    async def enqueue(self, video_id: int, job: entities.NewJob) -> Row:
        """Enqueue a job for a rendition, unless one is pending. Concurrent calls for one video are serialized."""
        async with transaction(self.database) as connection:
            await one(connection, f"{_VIDEO} FOR NO KEY UPDATE", (video_id,), "video")
            if await rows(connection, _UNFINISHED, (video_id, job.rendition)):
                raise ConflictError(f"video {video_id} has an unfinished job for {job.rendition}")
            return await one(connection, _ENQUEUE, (video_id, job.rendition), "job")

    async def claim(self, worker: str) -> Row:
        """Assign the oldest queued job to a worker. Concurrent workers are serialized."""
        async with transaction(self.database) as connection:
            await connection.execute(_LOCK_QUEUE)
            oldest = await rows(connection, _OLDEST_QUEUED)
            return await one(connection, _CLAIM, (worker, oldest[0]["id"] if oldest else None), JOB_FOR)

    async def finish(self, job_id: int, outcome: entities.Outcome) -> Row:
        """Finish a job with its result."""
        asked = f"SELECT {JOB_COLUMNS} FROM transcoding_jobs WHERE id = %s FOR NO KEY UPDATE"
        async with transaction(self.database) as connection:
            job = await one(connection, asked, (job_id,), "job")
            if job["status"] != "running":
                raise ConflictError(f"job {job_id} is {job['status']}, not running")
            return await one(connection, _FINISH, (outcome.status, job_id), "job")

    async def record_view(self, video_id: int, view: entities.NewView) -> Row:
        """Create a view of a video and increment its counter; returns the id and the new count."""
        async with transaction(self.database) as connection:
            video = await one(connection, f"{_VIDEO} FOR NO KEY UPDATE", (video_id,), "video")
            count = video["view_count"] + 1
            await connection.execute("UPDATE videos SET view_count = %s WHERE id = %s", (count, video_id))
            recorded = await one(connection, _RECORD, (video_id, view.user_id, view.seconds_watched), "view")
            return {**recorded, "view_count": count}

    # For background jobs, which the optimized release introduced.

    async def most_viewed(self, limit: int) -> Sequence[Row]:
        """The published videos with the most views, each with its jobs."""
        async with self.database.connection() as connection:
            return await rows(connection, statements.MOST_VIEWED, {"limit": limit})

    async def requeue(self) -> Sequence[Row]:
        """Requeue jobs that have been running for more than a day; returns their videos."""
        async with self.database.connection() as connection:
            return await rows(connection, statements.REQUEUE)


JOB_FOR = "queued job for worker"


async def _with_handle(connection: Connection, video: Row) -> Row:
    return {**video, "handle": (await one(connection, _CREATOR, (video["creator_id"],), "creator"))["handle"]}
