# ruff: noqa: S608 - the joined texts are constants of this package
"""The baseline queries of the recommendation service: correct, readable, and slow under load.

Written in the style of an ORM: load the entities, then the rows of each; change an entity, save all of it.
"""

import math
from collections.abc import Sequence
from datetime import datetime

from reference_app.database import Connection, Database, Row, one, rows, transaction
from reference_app.errors import NotFoundError
from reference_app.services.recommendation import statements
from reference_app.services.recommendation.entities import (
    CONTENT_COLUMNS,
    SHELVES,
    ContentChange,
    Kind,
    Listing,
    NewContent,
    NewInteraction,
    Shelf,
)

_RANKED = """
    SELECT ranked.id, ranked.title, ranked.engagement_score
    FROM users
    LEFT JOIN (
        SELECT id, title, engagement_score FROM contents
        WHERE id NOT IN (SELECT content_id FROM user_interactions WHERE user_id = %(user_id)s)
        AND (
            id IN (
                SELECT content_id FROM content_tags JOIN user_interests USING (tag)
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
_USER = "SELECT id FROM users WHERE id = %s"
_CONTENT = f"SELECT {CONTENT_COLUMNS} FROM contents WHERE id = %s"
_SAVE_SCORE = "UPDATE contents SET engagement_score = %s WHERE id = %s"
_SECONDS_PER_DAY = 86_400
_COUNTERS = {Kind.VIEW: "view_count", Kind.LIKE: "like_count", Kind.SHARE: "share_count"}


class BaselineQueries:
    """One query for a list, and one more for each row."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def recommendations(self, user_id: int, limit: int) -> Listing:
        """Contents with a tag of the user's interests, or any for a user without interests.

        Excludes contents that the user interacted with. Highest engagement score first, then lowest id.
        """
        async with self.database.connection() as connection:
            ranked = await rows(connection, _RANKED, {"user_id": user_id, "limit": limit})
            if not ranked:
                raise NotFoundError("user", user_id)
            return Listing([await _with_tags(connection, row) for row in ranked if row["id"] is not None])

    async def shelf(self, shelf: Shelf, value: int | str | None, limit: int) -> Sequence[Row]:
        """Contents by one criterion, each with its tags, newest first."""
        statement = f"SELECT {CONTENT_COLUMNS} FROM contents {SHELVES[shelf]} LIMIT %(limit)s"
        async with self.database.connection() as connection:
            listed = await rows(connection, statement, {"value": value, "limit": limit})
            return [await _with_tags(connection, row) for row in listed]

    async def content(self, content_id: int) -> Row:
        """One content with its tags and counters."""
        async with self.database.connection() as connection:
            return await _with_tags(connection, await one(connection, _CONTENT, (content_id,), "content"))

    async def interests(self, user_id: int) -> Sequence[str]:
        """The tags of a user's interests."""
        async with self.database.connection() as connection:
            await one(connection, _USER, (user_id,), "user")
            found = await rows(connection, "SELECT tag FROM user_interests WHERE user_id = %s", (user_id,))
            return [row["tag"] for row in found]

    async def create_content(self, content: NewContent) -> Row:
        """Create a content: one INSERT for it and one for each tag."""
        async with transaction(self.database) as connection:
            await one(connection, _USER, (content.creator_id,), "user")
            statement = (
                f"INSERT INTO contents (creator_id, title, body) VALUES (%s, %s, %s) RETURNING {CONTENT_COLUMNS}"
            )
            values = (content.creator_id, content.title, content.body)
            created = await one(connection, statement, values, "content")
            await _add_tags(connection, created["id"], content.tags)
            return created

    async def update_content(self, content_id: int, change: ContentChange) -> Row:
        """Save the content, then replace its tags."""
        async with transaction(self.database) as connection:
            await one(connection, f"{_CONTENT} FOR NO KEY UPDATE", (content_id,), "content")
            await connection.execute(
                "UPDATE contents SET title = %s, body = %s, updated_at = now() WHERE id = %s",
                (change.title, change.body, content_id),
            )
            await connection.execute("DELETE FROM content_tags WHERE content_id = %s", (content_id,))
            await _add_tags(connection, content_id, change.tags)
            return await one(connection, _CONTENT, (content_id,), "content")

    async def record_interaction(self, interaction: NewInteraction) -> int:
        """Create an interaction and increment the content's counter; returns its id."""
        counter = _COUNTERS[interaction.kind]
        async with transaction(self.database) as connection:
            await one(connection, _USER, (interaction.user_id,), "user")
            await one(connection, _CONTENT, (interaction.content_id,), "content")
            statement = "INSERT INTO user_interactions (user_id, content_id, kind) VALUES (%s, %s, %s) RETURNING id"
            values = (interaction.user_id, interaction.content_id, interaction.kind)
            recorded = await one(connection, statement, values, "interaction")
            counted = f"UPDATE contents SET {counter} = {counter} + 1 WHERE id = %s"
            await connection.execute(counted, (interaction.content_id,))
            return int(recorded["id"])

    async def update_scores(self, as_of: datetime) -> int:
        """Recompute every engagement score as of a given time; returns how many changed.

        Loads all contents, computes each score in Python, and saves each changed one by its own statement.
        """
        updated = 0
        async with self.database.connection() as connection:
            for content in await rows(connection, "SELECT * FROM contents ORDER BY id"):
                score = engagement_score(content, as_of)
                if score != content["engagement_score"]:
                    await connection.execute(_SAVE_SCORE, (score, content["id"]))
                    updated += 1
        return updated

    # For filling the cache in advance, which the optimized release introduced.

    async def top_contents(self, limit: int) -> Sequence[Row]:
        """The contents with the highest engagement score, each with its tags."""
        async with self.database.connection() as connection:
            return await rows(connection, statements.TOP_CONTENTS, {"limit": limit})

    async def active_interests(self) -> Sequence[Row]:
        """The interests of each user who was active on the last day of the data."""
        async with self.database.connection() as connection:
            return await rows(connection, statements.ACTIVE_INTERESTS)


def engagement_score(content: Row, as_of: datetime) -> float:
    """(views + 5 likes + 10 shares) / (1 + 2^-age), age in days, limited to 0 to 64.

    Beyond that 1 + 2^-age is 1 in double precision, and PostgreSQL raises an error for a power that underflows.
    """
    age_days = (as_of - content["created_at"]).total_seconds() / _SECONDS_PER_DAY
    weight: int = content["view_count"] + 5 * content["like_count"] + 10 * content["share_count"]
    return weight / (1 + math.pow(2, -min(max(age_days, 0), 64)))


async def _with_tags(connection: Connection, content: Row) -> Row:
    tags = await rows(connection, "SELECT tag FROM content_tags WHERE content_id = %s", (content["id"],))
    return {**content, "tags": [row["tag"] for row in tags]}


async def _add_tags(connection: Connection, content_id: int, tags: Sequence[str]) -> None:
    for tag in tags:
        await connection.execute("INSERT INTO content_tags (content_id, tag) VALUES (%s, %s)", (content_id, tag))
