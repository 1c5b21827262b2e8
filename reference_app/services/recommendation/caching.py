"""Cache entries of the recommendation service: lifetimes, and the writes that invalidate them.

Topics of cached responses, and the writes that change them:

    user:{id}       the lists of a user                       that user interacts with a content
    content:{id}    title and tags of a content               the content is updated
    counters:{id}   live counters of a content                an interaction with it
    tag:{tag}       lists of contents with the tag            a content gets the tag, weighted by its score
    untagged        lists of users without interests          a content is created, weighted by its score
    lists           lists by interests that are unknown here  either of the two
    newest          the newest contents                       a content is created
    creator:{id}    the contents of a user                    that user creates a content
    (everything)    scores are recomputed
"""

from collections.abc import Iterable
from datetime import timedelta

from reference_app.answers import encode
from reference_app.cache import ALWAYS, Cache, Loaded, always, fill, touched
from reference_app.database import Row
from reference_app.fallback import FallbackPolicy
from reference_app.services.recommendation.baseline import BaselineQueries
from reference_app.services.recommendation.entities import (
    ContentChange,
    Listing,
    NewContent,
    NewInteraction,
    ScoreUpdate,
    Shelf,
    content_answer,
    list_answer,
)

SPACE = "rec"
HOUR, DAY = (int(timedelta(hours=hours).total_seconds()) for hours in (1, 24))
WARM_CONTENTS = 100


class CachedRecommendations:
    """Responses from the cache, or from ``queries``; popular contents are fallbacks."""

    def __init__(self, queries: BaselineQueries, cache: Cache, policy: FallbackPolicy) -> None:
        self._queries = queries
        self._cache = cache
        self._with_fallback = policy
        self._popular: dict[int, Row] = {}

    async def recommendations(self, user_id: int, limit: int) -> bytes:
        """Recommended contents for a user."""

        async def load() -> Loaded:
            listing = await self._queries.recommendations(user_id, limit)
            return Loaded(list_answer(listing.items, user_id=user_id), _list_topics(user_id, listing, limit))

        answer = self._cache.fetch(f"{SPACE}:recommendations:{user_id}:{limit}", HOUR, load)
        return await self._with_fallback(answer, lambda: self._popular_list(limit, user_id=user_id))

    async def shelf(self, shelf: Shelf, value: int | str | None, limit: int) -> bytes:
        """Contents by one criterion."""

        async def load() -> Loaded:
            items = await self._queries.shelf(shelf, value, limit)
            shown = (f"content:{item['id']}" for item in items)
            return Loaded(list_answer(items), always([_shelf_topic(shelf, value), *shown]))

        answer = self._cache.fetch(f"{SPACE}:shelf:{shelf}:{value}:{limit}", HOUR, load)
        return await self._with_fallback(answer, lambda: self._popular_list(limit))

    async def content(self, content_id: int) -> bytes:
        """One content by id."""

        async def load() -> Loaded:
            return _loaded_content(await self._queries.content(content_id))

        answer = self._cache.fetch(_content_key(content_id), DAY, load)
        return await self._with_fallback(answer, lambda: self._popular_content(content_id))

    async def interests(self, user_id: int) -> bytes:
        """The interests of a user."""

        async def load() -> Loaded:
            return _loaded_interests(user_id, await self._queries.interests(user_id))

        return await self._cache.fetch(_interests_key(user_id), DAY, load)

    async def create_content(self, content: NewContent) -> bytes:
        """Create a content."""
        created = await self._queries.create_content(content)
        lists = _entrances(created["engagement_score"], [*_tag_topics(content.tags), "untagged"])
        await self._cache.invalidate(lists | touched("newest", f"creator:{content.creator_id}"))
        return content_answer(created, content.tags)

    async def update_content(self, content_id: int, change: ContentChange) -> bytes:
        """Replace the editable fields of a content."""
        content = await self._queries.update_content(content_id, change)
        lists = _entrances(content["engagement_score"], _tag_topics(change.tags))
        await self._cache.invalidate(lists | touched(f"content:{content_id}"))
        return content_answer(content, change.tags)

    async def record_interaction(self, interaction: NewInteraction) -> bytes:
        """Create an interaction."""
        interaction_id = await self._queries.record_interaction(interaction)
        await self._cache.invalidate(touched(f"user:{interaction.user_id}", f"counters:{interaction.content_id}"))
        return encode({"id": interaction_id, **interaction.model_dump()})

    async def update_scores(self, update: ScoreUpdate) -> bytes:
        """Recompute all engagement scores."""
        updated = await self._queries.update_scores(update.as_of)
        if updated:
            await self._cache.clear()
        return encode({"updated": updated, "as_of": update.as_of})

    async def refresh(self) -> bool:
        """Cache the most requested contents, and keep them as fallbacks."""

        async def load() -> dict[str, Loaded]:
            self._popular = {row["id"]: row for row in await self._queries.top_contents(WARM_CONTENTS)}
            return {_content_key(content_id): _loaded_content(row) for content_id, row in self._popular.items()}

        return await fill(self._cache, DAY, load)

    async def rebuild(self) -> bool:
        """Cache the interests of active users."""

        async def load() -> dict[str, Loaded]:
            active = await self._queries.active_interests()
            return {_interests_key(user["id"]): _loaded_interests(user["id"], user["interests"]) for user in active}

        return await fill(self._cache, DAY, load)

    def _popular_list(self, limit: int, **about: object) -> bytes | None:
        return list_answer(list(self._popular.values())[:limit], **about) if self._popular else None

    def _popular_content(self, content_id: int) -> bytes | None:
        return _loaded_content(self._popular[content_id]).body if content_id in self._popular else None


_content_key = f"{SPACE}:content:{{}}:full".format
_interests_key = f"{SPACE}:user:{{}}:interests".format


def _loaded_content(row: Row) -> Loaded:
    return Loaded(content_answer(row, row["tags"]), always([f"content:{row['id']}", f"counters:{row['id']}"]))


def _loaded_interests(user_id: int, tags: Iterable[str]) -> Loaded:
    return Loaded(encode({"user_id": user_id, "tags": sorted(tags)}), always([f"user:{user_id}"]))


def _list_topics(user_id: int, listing: Listing, limit: int) -> dict[str, float]:
    """The topics of a list: a full list changes for scores up to its last one's, a short list for any."""
    items = listing.items
    threshold = items[-1]["engagement_score"] if len(items) == limit else ALWAYS
    entrances = ["lists"] if listing.interests is None else _tag_topics(listing.interests) or ["untagged"]
    return dict.fromkeys(entrances, threshold) | always([f"user:{user_id}", *(f"content:{i['id']}" for i in items)])


def _entrances(score: float, topics: Iterable[str]) -> dict[str, float]:
    return dict.fromkeys([*topics, "lists"], score)


def _shelf_topic(shelf: Shelf, value: int | str | None) -> str:
    return {Shelf.NEWEST: "newest", Shelf.HISTORY: f"user:{value}"}.get(shelf, f"{shelf}:{value}")


def _tag_topics(tags: Iterable[str]) -> list[str]:
    return [f"tag:{tag}" for tag in tags]
