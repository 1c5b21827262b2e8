"""What of the content streaming service is cached for how long, and which write ends it.

Topics that cached answers depend on, and the writes that change them:

    video:{id}      what a video is called, and its status    the video is updated or published
    jobs:{id}       the jobs of a video                       one is enqueued, claimed, finished or requeued
    counters:{id}   its live counter, rank and last viewers   somebody watches it, weighing its views then
    level:{n}       the end of a list at n hundred views      somebody watches a video with so many, weighing them
    user:{id}       what a user watched                       that user watches something
    creator:{id}    the published videos of a creator         one of them is published
    newest          such a list                               a video is published
    popular         such a list                               the same, weighing its views
    trending        such a list                               the same; views count once their day is over

A view ends the answer about its video, which shows the counter, and a popular list only where it may change the order.
"""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

from reference_app.answers import encode
from reference_app.cache import ALWAYS, Cache, Loaded, always, fill, touched
from reference_app.database import Row
from reference_app.fallback import OrElse
from reference_app.fields import now
from reference_app.services.content_streaming import entities
from reference_app.services.content_streaming.baseline import BaselineQueries
from reference_app.services.content_streaming.entities import Shelf

SPACE = "stream"
HOUR, DAY = (int(timedelta(hours=hours).total_seconds()) for hours in (1, 24))
WARM_VIDEOS = 100
REBUILT = (10, 20)  # the limits of the trending lists that are cached beforehand
LEVEL = 100  # views, far more than are under way for one video at once: their invalidations may overtake each other


class CachedStreaming:
    """Answers from the cache, or from ``queries``; without a database the most viewed videos answer."""

    def __init__(self, queries: BaselineQueries, cache: Cache, or_else: OrElse) -> None:
        self._queries = queries
        self._cache = cache
        self._or_else = or_else
        self._popular: dict[int, Row] = {}

    async def video(self, video_id: int) -> bytes:
        """One video."""

        async def load() -> Loaded:
            return _loaded_video(await self._queries.video(video_id))

        answer = self._cache.fetch(_video_key(video_id), DAY, load)
        return await self._or_else(answer, lambda: self._popular_video(video_id))

    async def creator(self, key: entities.CreatorKey, value: int | str, limit: int) -> bytes:
        """A creator's page."""

        async def load() -> Loaded:
            creator = await self._queries.creator(key, value, limit)
            shown = [f"{topic}:{video['id']}" for video in creator["videos"] for topic in ("video", "jobs")]
            return Loaded(encode(creator), always([f"creator:{creator['id']}", *shown]))

        return await self._cache.fetch(f"{SPACE}:creator:{key}:{value}:{limit}", HOUR, load)

    async def shelf(self, shelf: Shelf, limit: int) -> bytes:
        """Published videos by something else."""
        today = now().date()

        async def load() -> Loaded:
            return _loaded_list(shelf, limit, await self._queries.shelf(shelf, limit, today))

        answer = self._cache.fetch(_shelf_key(shelf, today, limit), HOUR, load)
        return await self._or_else(answer, lambda: self._popular_list(limit))

    async def views(self, key: entities.ViewKey, value: int, limit: int) -> bytes:
        """What a user watched, or who watched a video."""

        async def load() -> Loaded:
            views = await self._queries.views(key, value, limit)
            topic = {"user_id": f"user:{value}", "video_id": f"counters:{value}"}[key]
            return Loaded(encode({"items": views}), always([topic, *(f"video:{view['video_id']}" for view in views)]))

        return await self._cache.fetch(f"{SPACE}:views:{key}:{value}:{limit}", HOUR, load)

    async def create_video(self, video: entities.NewVideo) -> bytes:
        """Prepare a video. A draft is in no answer but its own, which nobody has asked for."""
        return encode(await self._queries.create_video(video))

    async def update_video(self, video_id: int, change: entities.VideoChange) -> bytes:
        """Replace what its creator may set."""
        video = await self._queries.update_video(video_id, change)
        await self._cache.invalidate(touched(f"video:{video_id}"))
        return encode(video)

    async def publish(self, video_id: int) -> bytes:
        """Show a video to everybody."""
        video = await self._queries.publish(video_id)
        lists = touched(Shelf.NEWEST, Shelf.TRENDING, f"creator:{video['creator_id']}")
        await self._cache.invalidate(lists | touched(f"video:{video_id}") | {Shelf.POPULAR: video["view_count"]})
        return encode(video)

    async def record_view(self, video_id: int, view: entities.NewView) -> bytes:
        """Record who watched a video."""
        recorded = await self._queries.record_view(video_id, view)
        count = recorded["view_count"]
        counted = {f"counters:{video_id}": count, f"level:{count // LEVEL}": count}
        await self._cache.invalidate(touched(f"user:{view.user_id}") | counted)
        return encode({"id": recorded["id"], "video_id": video_id, **view.model_dump()})

    async def enqueue(self, video_id: int, job: entities.NewJob) -> bytes:
        """Ask for a rendition."""
        return await self._changed(await self._queries.enqueue(video_id, job))

    async def claim(self, claim: entities.Claim) -> bytes:
        """Give a worker something to do."""
        return await self._changed(await self._queries.claim(claim.worker))

    async def finish(self, job_id: int, outcome: entities.Outcome) -> bytes:
        """Note how a job ended."""
        return await self._changed(await self._queries.finish(job_id, outcome))

    async def refresh(self) -> bool:
        """Cache the videos most likely to be asked for, and keep them for when the database cannot be asked."""

        async def load() -> dict[str, Loaded]:
            self._popular = {row["id"]: row for row in await self._queries.most_viewed(WARM_VIDEOS)}
            return {_video_key(video_id): _loaded_video(row) for video_id, row in self._popular.items()}

        return await fill(self._cache, DAY, load)

    async def rebuild(self) -> bool:
        """Let others do what a worker left undone, and cache what was watched most on the day that is over."""
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
    """A view counts once it lifts a video to the views of the one above it, or one from below to those of the last."""
    ranks = {f"counters:{video['id']}": above["view_count"] for above, video in pairwise(videos)}
    if len(videos) < limit:
        return ranks | always([Shelf.POPULAR])
    last = videos[-1]["view_count"]
    return ranks | {Shelf.POPULAR: last, f"level:{last // LEVEL}": last, f"level:{last // LEVEL + 1}": ALWAYS}
