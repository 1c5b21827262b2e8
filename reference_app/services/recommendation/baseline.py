# ruff: noqa: S608 - what is joined here are constants of this module
"""The recommendation service as it was before: right, readable, and slow under load.

Written as people write who think in objects: load the entities, then what belongs to each; change an entity, save it.
A connection is opened where a request first needs one. Answers are cached under generic keys with one TTL, and any
write clears them all, since nothing says which of them it touched.
"""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from redis.asyncio import Redis

from reference_app.database import Connection, ConnectionPerRequest, Database
from reference_app.errors import NotFoundError
from reference_app.generic_cache import GenericCache
from reference_app.metrics import Metrics
from reference_app.service import Running
from reference_app.services.recommendation.entities import (
    CONTENT_COLUMNS,
    ContentChange,
    Kind,
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

_RANKED = """
    SELECT ranked.id, ranked.title, ranked.engagement_score
    FROM users
    LEFT JOIN (
        SELECT id, title, engagement_score
        FROM contents
        WHERE id NOT IN (SELECT content_id FROM user_interactions WHERE user_id = %(user_id)s)
          AND (
              id IN (
                  SELECT content_tags.content_id
                  FROM content_tags JOIN user_interests ON user_interests.tag = content_tags.tag
                  WHERE user_interests.user_id = %(user_id)s
              )
              OR NOT EXISTS (SELECT FROM user_interests WHERE user_id = %(user_id)s)
          )
        ORDER BY engagement_score DESC, id
        LIMIT %(limit)s
    ) ranked ON true
    WHERE users.id = %(user_id)s
    ORDER BY ranked.engagement_score DESC, ranked.id
"""
_SECONDS_PER_DAY = 86_400
_COUNTERS = {Kind.VIEW: "view_count", Kind.LIKE: "like_count", Kind.SHARE: "share_count"}


class BaselineRecommendations:
    """One query for the list, one more for each thing in it."""

    def __init__(self, database: Database, cache: GenericCache) -> None:
        self._database = database
        self._cache = cache

    async def recommendations(self, user_id: int, limit: int) -> bytes:
        """1 + n statements for n contents."""
        key = f"recommendations:{user_id}:{limit}"
        answer = await self._cache.get(key)
        if answer is None:
            async with self._database.connection() as connection:
                ranked = await connection.execute(_RANKED, {"user_id": user_id, "limit": limit})
                rows = await ranked.fetchall()
                if not rows:
                    raise NotFoundError("user", user_id)
                items = [{**row, "tags": await _tags(connection, row["id"])} for row in rows if row["id"] is not None]
            answer = recommendations_answer(user_id, items)
            await self._cache.put(key, answer)
        return answer

    async def content(self, content_id: int) -> bytes:
        """The content, then its tags."""
        key = f"content:{content_id}"
        answer = await self._cache.get(key)
        if answer is None:
            async with self._database.connection() as connection:
                answer = await _content_answer(connection, content_id)
            await self._cache.put(key, answer)
        return answer

    async def create_content(self, content: NewContent) -> bytes:
        """One INSERT for the content and one for each tag."""
        async with self._database.connection() as connection:
            await _require(connection, "user", content.creator_id)
            inserted = await connection.execute(
                "INSERT INTO contents (creator_id, title, body) VALUES (%s, %s, %s) RETURNING id",
                (content.creator_id, content.title, content.body),
            )
            content_id = (await inserted.fetchall())[0]["id"]
            await _add_tags(connection, content_id, content.tags)
            answer = await _content_answer(connection, content_id)
        await self._cache.clear()
        return answer

    async def update_content(self, content_id: int, change: ContentChange) -> bytes:
        """Save the content, then replace its tags by the new ones."""
        async with self._database.connection() as connection:
            await _require(connection, "content", content_id)
            await connection.execute(
                "UPDATE contents SET title = %s, body = %s, updated_at = now() WHERE id = %s",
                (change.title, change.body, content_id),
            )
            await connection.execute("DELETE FROM content_tags WHERE content_id = %s", (content_id,))
            await _add_tags(connection, content_id, change.tags)
            answer = await _content_answer(connection, content_id)
        await self._cache.clear()
        return answer

    async def record_interaction(self, interaction: NewInteraction) -> bytes:
        """Look both up, insert, count."""
        counter = _COUNTERS[interaction.kind]
        async with self._database.connection() as connection:
            await _require(connection, "user", interaction.user_id)
            await _require(connection, "content", interaction.content_id)
            inserted = await connection.execute(
                "INSERT INTO user_interactions (user_id, content_id, kind) VALUES (%s, %s, %s) RETURNING id",
                (interaction.user_id, interaction.content_id, interaction.kind),
            )
            interaction_id = (await inserted.fetchall())[0]["id"]
            await connection.execute(
                f"UPDATE contents SET {counter} = {counter} + 1 WHERE id = %s", (interaction.content_id,)
            )
        await self._cache.clear()
        return interaction_answer(interaction_id, interaction)

    async def update_scores(self, update: ScoreUpdate) -> bytes:
        """Load all contents, compute each score here, save each that changed in a transaction of its own."""
        updated = 0
        async with self._database.connection() as connection:
            contents = await (await connection.execute("SELECT * FROM contents ORDER BY id")).fetchall()
            await connection.commit()
            for content in contents:
                score = engagement_score(content, update.as_of)
                if score != content["engagement_score"]:
                    await connection.execute(
                        "UPDATE contents SET engagement_score = %s WHERE id = %s", (score, content["id"])
                    )
                    await connection.commit()
                    updated += 1
        await self._cache.clear()
        return scores_answer(updated, update.as_of)


def engagement_score(content: Row, as_of: datetime) -> float:
    """The formula of the contract."""
    age_days = (as_of - content["created_at"]).total_seconds() / _SECONDS_PER_DAY
    weight: int = content["view_count"] + 5 * content["like_count"] + 10 * content["share_count"]
    return weight / (1 + math.pow(2, -min(max(age_days, 0), 64)))


async def _require(connection: Connection, kind: str, identity: int) -> None:
    table = {"user": "users", "content": "contents"}[kind]
    if await (await connection.execute(f"SELECT id FROM {table} WHERE id = %s", (identity,))).fetchone() is None:
        raise NotFoundError(kind, identity)


async def _content_answer(connection: Connection, content_id: int) -> bytes:
    selected = await connection.execute(f"SELECT {CONTENT_COLUMNS} FROM contents WHERE id = %s", (content_id,))
    content = await selected.fetchone()
    if content is None:
        raise NotFoundError("content", content_id)
    return content_answer(content, await _tags(connection, content_id))


async def _tags(connection: Connection, content_id: int) -> list[str]:
    selected = await connection.execute("SELECT tag FROM content_tags WHERE content_id = %s", (content_id,))
    return [row["tag"] for row in await selected.fetchall()]


async def _add_tags(connection: Connection, content_id: int, tags: list[str]) -> None:
    for tag in tags:
        await connection.execute("INSERT INTO content_tags (content_id, tag) VALUES (%s, %s)", (content_id, tag))


@asynccontextmanager
async def start(database_url: str, redis: Redis, metrics: Metrics) -> AsyncIterator[Running]:
    """Nothing to open beforehand and nothing to warm."""
    database = ConnectionPerRequest(database_url, metrics)
    service = BaselineRecommendations(database, GenericCache(redis, metrics))
    yield Running(routes(service), database, is_warm=lambda: True)
