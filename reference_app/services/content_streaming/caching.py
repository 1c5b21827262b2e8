"""Cache entries of the content streaming service: lifetimes, and the writes that invalidate them.

Topics of cached responses, and the writes that change them:

    video:{id}      title and status of a video               the video is updated or published
    jobs:{id}       the jobs of a video                       one is enqueued, claimed, finished or requeued
    counters:{id}   its live counter, rank and last viewers   a view, weighted by the video's views
    level:{n}       the end of a list at n hundred views      a view of a video with so many, weighted by them
    user:{id}       the views of a user                       a view by that user
    creator:{id}    the published videos of a creator         one of them is published
    newest          the list of newest videos                 a video is published
    popular         the list of popular videos                the same, weighted by its views
    trending        the list of trending videos               the same; views count after their day is over

A view invalidates the response for its video, which has the counter, and a popular list only if its order may change.
"""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

from reference_app.answers import encode
from reference_app.cache import ALWAYS, Cache, Loaded, always, fill, touched
from reference_app.database import Row
from reference_app.fallback import FallbackPolicy
from reference_app.fields import now
from reference_app.services.content_streaming import entities
from reference_app.services.content_streaming.baseline import BaselineQueries
from reference_app.services.content_streaming.entities import Shelf

SPACE = "stream"
HOUR, DAY = (int(timedelta(hours=hours).total_seconds()) for hours in (1, 24))
WARM_VIDEOS = 100
REBUILT = (10, 20)  # limits of the trending lists that are cached in advance
LEVEL = 100  # views, far more than are concurrent for one video, because invalidations may arrive out of order


class CachedStreaming:
    """Responses from the cache, or from ``queries``; the most viewed videos are fallbacks."""

    def __init__(self, queries: BaselineQueries, cache: Cache, policy: FallbackPolicy) -> None:
        self._queries = queries
        self._cache = cache
        self._with_fallback = policy
        self._popular: dict[int, Row] = {}

    async def video(self, video_id: int) -> bytes:
        """One video by id."""

        async def load() -> Loaded:
            return _loaded_video(await self._queries.video(video_id))

        answer = self._cache.fetch(_video_key(video_id), DAY, load)
        return await self._with_fallback(answer, lambda: self._popular_video(video_id))

    async def creator(self, key: entities.CreatorKey, value: int | str, limit: int) -> bytes:
        """A creator with the newest videos."""

        async def load() -> Loaded:
            creator = await self._queries.creator(key, value, limit)
            shown = [f"{topic}:{video['id']}" for video in creator["videos"] for topic in ("video", "jobs")]
            return Loaded(encode(creator), always([f"creator:{creator['id']}", *shown]))

        return await self._cache.fetch(f"{SPACE}:creator:{key}:{value}:{limit}", HOUR, load)

    async def shelf(self, shelf: Shelf, limit: int) -> bytes:
        """Published videos by one criterion."""
        today = now().date()

        async def load() -> Loaded:
            return _loaded_list(shelf, limit, await self._queries.shelf(shelf, limit, today))

        answer = self._cache.fetch(_shelf_key(shelf, today, limit), HOUR, load)
        return await self._with_fallback(answer, lambda: self._popular_list(limit))

    async def views(self, key: entities.ViewKey, value: int, limit: int) -> bytes:
        """The views of a user or of a video."""

        async def load() -> Loaded:
            views = await self._queries.views(key, value, limit)
            topic = {"user_id": f"user:{value}", "video_id": f"counters:{value}"}[key]
            return Loaded(encode({"items": views}), always([topic, *(f"video:{view['video_id']}" for view in views)]))

        return await self._cache.fetch(f"{SPACE}:views:{key}:{value}:{limit}", HOUR, load)

    async def create_video(self, video: entities.NewVideo) -> bytes:
        """Create a draft. It is in no other response, and its own is not cached yet."""
        return encode(await self._queries.create_video(video))

    async def update_video(self, video_id: int, change: entities.VideoChange) -> bytes:
        """Replace the editable fields of a video."""
        video = await self._queries.update_video(video_id, change)
        await self._cache.invalidate(touched(f"video:{video_id}"))
        return encode(video)

    async def publish(self, video_id: int) -> bytes:
        """Publish a video."""
        video = await self._queries.publish(video_id)
        lists = touched(Shelf.NEWEST, Shelf.TRENDING, f"creator:{video['creator_id']}")
        await self._cache.invalidate(lists | touched(f"video:{video_id}") | {Shelf.POPULAR: video["view_count"]})
        return encode(video)

    async def record_view(self, video_id: int, view: entities.NewView) -> bytes:
        """Create a view of a video."""
        recorded = await self._queries.record_view(video_id, view)
        count = recorded["view_count"]
        counted = {f"counters:{video_id}": count, f"level:{count // LEVEL}": count}
        await self._cache.invalidate(touched(f"user:{view.user_id}") | counted)
        return encode({"id": recorded["id"], "video_id": video_id, **view.model_dump()})

    async def enqueue(self, video_id: int, job: entities.NewJob) -> bytes:
        """Enqueue a job for a rendition."""
        return await self._changed(await self._queries.enqueue(video_id, job))

    async def claim(self, claim: entities.Claim) -> bytes:
        """Assign a job to a worker."""
        return await self._changed(await self._queries.claim(claim.worker))

    async def finish(self, job_id: int, outcome: entities.Outcome) -> bytes:
        """Finish a job with its result."""
        return await self._changed(await self._queries.finish(job_id, outcome))

    async def refresh(self) -> bool:
        """Cache the most requested videos, and keep them as fallbacks."""

        async def load() -> dict[str, Loaded]:
            self._popular = {row["id"]: row for row in await self._queries.most_viewed(WARM_VIDEOS)}
            return {_video_key(video_id): _loaded_video(row) for video_id, row in self._popular.items()}

        return await fill(self._cache, DAY, load)

    async def rebuild(self) -> bool:
        """Requeue abandoned jobs, and cache the trending videos of the past day."""
        requeued = await self._queries.requeue()
        await self._cache.invalidate(touched(*(f"jobs:{job['video_id']}" for job in requeued)))
        today = now().date()

        async def load() -> dict[str, Loaded]:
            found = await self._queries.shelf(Shelf.TRENDING, max(REBUILT), today)
            lists = {limit: _loaded_list(Shelf.TRENDING, limit, found[:limit]) for limit in REBUILT}
            return {_shelf_key(Shelf.TRENDING, today, limit): loaded for limit, loaded in lists.items()}

        return await fill(self._cache, DAY, load)

    def _popular_list(self, limit: int) -> bytes | None:
        return entities.list_answer(list(self._popular.values())[:limit]) if self._popular else None

    def _popular_video(self, video_id: int) -> bytes | None:
        return _loaded_video(self._popular[video_id]).body if video_id in self._popular else None

    async def _changed(self, job: Row) -> bytes:
        await self._cache.invalidate(touched(f"jobs:{job['video_id']}"))
        return encode(job)


_video_key = f"{SPACE}:video:{{}}:full".format
_shelf_key = f"{SPACE}:videos:{{}}:{{}}:{{}}".format


def _loaded_video(row: Row) -> Loaded:
    return Loaded(encode(row), always(f"{topic}:{row['id']}" for topic in ("video", "jobs", "counters")))


def _loaded_list(shelf: Shelf, limit: int, videos: Sequence[Row]) -> Loaded:
    topics = _popular_topics(limit, videos) if shelf is Shelf.POPULAR else always([shelf])
    return Loaded(entities.list_answer(videos), topics | always(f"video:{video['id']}" for video in videos))


def _popular_topics(limit: int, videos: Sequence[Row]) -> dict[str, float]:
    """The topics of a popular list: a view matters where it may swap two entries or add a new one."""
    ranks = {f"counters:{video['id']}": above["view_count"] for above, video in pairwise(videos)}
    if len(videos) < limit:
        return ranks | always([Shelf.POPULAR])
    last = videos[-1]["view_count"]
    return ranks | {Shelf.POPULAR: last, f"level:{last // LEVEL}": last, f"level:{last // LEVEL + 1}": ALWAYS}
