"""Inputs and outputs of the content streaming service, shared by both implementations."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StrictInt

from reference_app.answers import encode
from reference_app.database import Row
from reference_app.fields import Id, Input, Name, Text, Title

VIDEO_COLUMNS = """
    videos.id, videos.creator_id, videos.title, videos.description, videos.status, videos.duration_seconds,
    videos.view_count, videos.published_at, videos.created_at, videos.updated_at"""
CREATOR_COLUMNS = "id, handle, display_name, bio, follower_count, created_at"
JOB_COLUMNS = "id, video_id, rendition, status, attempts, worker, created_at, started_at, finished_at"
BY_SIZE = "ORDER BY length(rendition), rendition"


class Shelf(StrEnum):
    """A criterion for lists of published videos."""

    NEWEST = "newest"
    POPULAR = "popular"
    TRENDING = "trending"


# Trending videos have most views on the last complete day of the data: views of today count tomorrow.
SHELVES = {
    Shelf.NEWEST: "WHERE videos.status = 'published' ORDER BY videos.published_at DESC, videos.id DESC",
    Shelf.POPULAR: "WHERE videos.status = 'published' ORDER BY videos.view_count DESC, videos.id",
    Shelf.TRENDING: """JOIN (
            SELECT video_id, count(*) AS views FROM video_views
            WHERE created_at < %(today)s AND created_at >= date_trunc(
                'day', (SELECT max(created_at) FROM video_views WHERE created_at < %(today)s), 'UTC'
            )
            GROUP BY video_id
        ) seen ON seen.video_id = videos.id
        WHERE videos.status = 'published' ORDER BY seen.views DESC, videos.id""",
}

CreatorKey = Literal["id", "handle"]
ViewKey = Literal["user_id", "video_id"]
Rendition = Literal["240p", "360p", "480p", "720p", "1080p", "1440p", "2160p"]
Seconds = Annotated[StrictInt, Field(ge=0, le=86_400)]


class VideoChange(Input):
    """The editable fields of a video."""

    title: Title
    description: Text


class NewVideo(VideoChange):
    """A video to create as a draft."""

    creator_id: Id
    duration_seconds: Seconds


class NewJob(Input):
    """A job to transcode a video into a rendition."""

    rendition: Rendition


class Claim(Input):
    """A worker's request for a job."""

    worker: Name


class Outcome(Input):
    """The result of a job."""

    status: Literal["finished", "failed"]


class NewView(Input):
    """A view of a video by a user."""

    user_id: Id
    seconds_watched: Seconds


def list_answer(videos: Iterable[Row]) -> bytes:
    """A list of videos. It omits counters, which change with every view."""
    shown = ("id", "title", "creator_id", "handle", "duration_seconds", "published_at")
    return encode({"items": [{name: video[name] for name in shown} for video in videos]})
