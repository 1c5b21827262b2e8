"""The recommendation service after: one statement per answer, a pool, and a cache that knows what depends on what.

Topics that cached answers depend on, and the writes that change them:

    user:{id}       the lists of a user                       that user interacts
    content:{id}    title and tags of a content               the content is updated
    counters:{id}   live counters of a content                somebody interacts with it
    tag:{tag}       lists of users interested in the tag      a content gets the tag, weighing its score
    untagged        lists of users without interests          a content is created, weighing its score
    (everything)    scores are recomputed
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from redis.asyncio import Redis

from reference_app.cache import ALWAYS, EVERYTHING, Cache, Loaded
from reference_app.database import Database, Pool
from reference_app.errors import NotFoundError
from reference_app.metrics import Metrics
from reference_app.service import Running
from reference_app.services.recommendation import statements
from reference_app.services.recommendation.entities import (
    ContentChange,
    NewContent,
    NewInteraction,
    Row,
    ScoreUpdate,
    content_answer,
    interaction_answer,
    recommendations_answer,
    scores_answer,
)
from reference_app.services.recommendation.routes import routes
from reference_app.warm_up import WarmUp

SPACE = "rec"
RECOMMENDATIONS_TTL = int(timedelta(hours=1).total_seconds())
CONTENT_TTL = int(timedelta(hours=24).total_seconds())
WARM_CONTENTS = 100
_SCORES_TIMEOUT = "30s"  # a batch over all contents, not an answer that somebody waits for


class OptimizedRecommendations:
    """One statement for the list and all that is in it; none when the answer is cached."""

    def __init__(self, database: Database, cache: Cache) -> None:
        self._database = database
        self._cache = cache

    async def recommendations(self, user_id: int, limit: int) -> bytes:
        """At most one statement."""

        async def load() -> Loaded:
            rows = await self._rows(statements.RECOMMENDATIONS, {"user_id": user_id, "limit": limit})
            if not rows:
                raise NotFoundError("user", user_id)
            items = [row for row in rows if row["id"] is not None]
            return Loaded(recommendations_answer(user_id, items), _list_topics(user_id, rows[0], items, limit))

        return await self._cache.fetch(f"{SPACE}:recommendations:{user_id}:{limit}", RECOMMENDATIONS_TTL, load)

    async def content(self, content_id: int) -> bytes:
        """At most one statement."""

        async def load() -> Loaded:
            rows = await self._rows(statements.CONTENT, {"content_id": content_id})
            if not rows:
                raise NotFoundError("content", content_id)
            return _loaded_content(rows[0])

        return await self._cache.fetch(_content_key(content_id), CONTENT_TTL, load)

    async def create_content(self, content: NewContent) -> bytes:
        """One statement for the content and its tags."""
        created = await self._rows(statements.CREATE_CONTENT, content.model_dump())
        if not created:
            raise NotFoundError("user", content.creator_id)
        row = created[0]
        await self._cache.invalidate(_weighing(row["engagement_score"], [*_tag_topics(content.tags), "untagged"]))
        return content_answer(row, content.tags)

    async def update_content(self, content_id: int, change: ContentChange) -> bytes:
        """The first statement locks the content, so that the second sees its tags as they are."""
        parameters = {"content_id": content_id, **change.model_dump()}
        async with self._database.connection() as connection, connection.transaction():
            content = await (await connection.execute(statements.UPDATE_CONTENT, parameters)).fetchone()
            if content is None:
                raise NotFoundError("content", content_id)
            replaced = await (await connection.execute(statements.REPLACE_TAGS, parameters)).fetchall()
        gained = _weighing(content["engagement_score"], _tag_topics(row["tag"] for row in replaced))
        await self._cache.invalidate({**gained, f"content:{content_id}": EVERYTHING})
        return content_answer(content, change.tags)

    async def record_interaction(self, interaction: NewInteraction) -> bytes:
        """One statement that inserts and counts, or says what does not exist."""
        (row,) = await self._rows(statements.RECORD_INTERACTION, interaction.model_dump())
        if not row["user_exists"]:
            raise NotFoundError("user", interaction.user_id)
        if row["interaction_id"] is None:
            raise NotFoundError("content", interaction.content_id)
        changed = [f"user:{interaction.user_id}", f"counters:{interaction.content_id}"]
        await self._cache.invalidate(_weighing(EVERYTHING, changed))
        return interaction_answer(row["interaction_id"], interaction)

    async def update_scores(self, update: ScoreUpdate) -> bytes:
        """One UPDATE that leaves alone what does not change."""
        async with self._database.connection() as connection, connection.transaction():
            await connection.execute(statements.PREPARE_SCORES, {"timeout": _SCORES_TIMEOUT})
            updated = (await connection.execute(statements.UPDATE_SCORES, {"as_of": update.as_of})).rowcount
        if updated:
            await self._cache.clear()
        return scores_answer(updated, update.as_of)

    async def warm_up(self) -> bool:
        """Cache the contents most likely to be asked for; whether it could be done."""
        token = await self._cache.event_number()
        if token is None:
            return False
        for row in await self._rows(statements.TOP_CONTENTS, {"limit": WARM_CONTENTS}):
            await self._cache.store(_content_key(row["id"]), CONTENT_TTL, token, _loaded_content(row))
        return True

    async def _rows(self, statement: str, parameters: Row) -> Sequence[Row]:
        async with self._database.connection() as connection:
            return await (await connection.execute(statement, parameters)).fetchall()


def _content_key(content_id: int) -> str:
    return f"{SPACE}:content:{content_id}:full"


def _loaded_content(row: Row) -> Loaded:
    topics = [f"content:{row['id']}", f"counters:{row['id']}"]
    return Loaded(content_answer(row, row["tags"]), _weighing(ALWAYS, topics))


def _list_topics(user_id: int, reader: Row, items: Sequence[Row], limit: int) -> dict[str, float]:
    """A content enters a full list only with a score as high as the last one's; a short list takes any."""
    threshold = items[-1]["engagement_score"] if len(items) == limit else ALWAYS
    entrances = _tag_topics(reader["interests"]) or ["untagged"]
    shown = [f"user:{user_id}", *(f"content:{item['id']}" for item in items)]
    return {**_weighing(threshold, entrances), **_weighing(ALWAYS, shown)}


def _tag_topics(tags: Iterable[str]) -> list[str]:
    return [f"tag:{tag}" for tag in tags]


def _weighing(weight: float, topics: Iterable[str]) -> dict[str, float]:
    return dict.fromkeys(topics, weight)


@asynccontextmanager
async def start(database_url: str, redis: Redis, metrics: Metrics) -> AsyncIterator[Running]:
    """Open the pool, clear what an earlier process left in the cache, and warm it in the background."""
    async with Pool(database_url, metrics) as database:
        cache = Cache(redis, SPACE, metrics)
        service = OptimizedRecommendations(database, cache)
        await cache.clear()
        async with WarmUp(service.warm_up) as warm_up:
            yield Running(routes(service), database, is_warm=lambda: warm_up.done)
