# ruff: noqa: S608 - the joined texts are constants of this package
"""The baseline queries of the feed filter service: correct, readable, and slow under load.

Written in the style of an ORM: load the entities, then the rows of each; change an entity, save all of it.
Without unique indexes a lock prevents concurrent requests from creating duplicates.
"""

from collections.abc import Sequence
from datetime import date
from typing import LiteralString

from psycopg.errors import UniqueViolation

from reference_app.database import Connection, Database, Parameters, Row, one, rows, transaction
from reference_app.errors import ConflictError
from reference_app.services.feed_filter import entities, statements
from reference_app.services.feed_filter.entities import (
    CLASSIFICATION_COLUMNS,
    CONFIGURATION_COLUMNS,
    COUNTED,
    EVENT_COLUMNS,
    USER_COLUMNS,
)

_LIST = f"SELECT {USER_COLUMNS} FROM users WHERE id > %s ORDER BY id LIMIT %s"
_USER = "SELECT id FROM users WHERE id = %s"
_KEYWORDS = "SELECT id, keyword FROM keywords WHERE user_id = %s ORDER BY id"
_SAME_KEYWORD = "SELECT id FROM keywords WHERE user_id = %s AND keyword = %s"
_ADD_KEYWORD = "INSERT INTO keywords (user_id, keyword) VALUES (%s, %s) RETURNING id, keyword"
_REMOVE_KEYWORD = "DELETE FROM keywords WHERE id = %s AND user_id = %s RETURNING id, keyword"
_CONFIGURATION = f"SELECT {CONFIGURATION_COLUMNS} FROM filter_configurations WHERE user_id = %s"
_IN_FORCE = "SELECT strictness, least_confidence, hides_promotions FROM filter_configurations WHERE user_id = %s"
_NEW_CONFIGURATION = f"""
    INSERT INTO filter_configurations (user_id, strictness, least_confidence, hides_promotions)
    VALUES (%(user_id)s, %(strictness)s, %(least_confidence)s, %(hides_promotions)s) RETURNING {CONFIGURATION_COLUMNS}
"""
_CONFIGURE = f"""
    UPDATE filter_configurations SET strictness = %(strictness)s, least_confidence = %(least_confidence)s,
        hides_promotions = %(hides_promotions)s, updated_at = now()
    WHERE user_id = %(user_id)s RETURNING {CONFIGURATION_COLUMNS}
"""
_RECORD = f"""
    INSERT INTO analytics_events (user_id, kind, post) VALUES (%(user_id)s, %(kind)s, %(post)s)
    RETURNING {EVENT_COLUMNS}
"""
_DAYS = f"""
    SELECT {COUNTED} FROM analytics_events WHERE {{}} AND created_at < %(today)s
    GROUP BY day ORDER BY day DESC LIMIT %(limit)s
"""
_OF_USER, _OF_ALL = (_DAYS.format(whose) for whose in ("user_id = %(user_id)s", "true"))
_CLASSIFICATION = f"SELECT {CLASSIFICATION_COLUMNS} FROM classifications WHERE key = %s"
_LOCK_KEY = "SELECT pg_advisory_xact_lock(1, hashtext(%s))"
_NEW_CLASSIFICATION = f"""
    INSERT INTO classifications (key, label, confidence, model)
    VALUES (%(key)s, %(label)s, %(confidence)s, %(model)s) RETURNING {CLASSIFICATION_COLUMNS}
"""
_CLASSIFY = f"""
    UPDATE classifications SET label = %(label)s, confidence = %(confidence)s, model = %(model)s, classified_at = now()
    WHERE key = %(key)s RETURNING {CLASSIFICATION_COLUMNS}
"""


class BaselineQueries:
    """One query for a list, and one more for each row."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def users(self, limit: int, after: int) -> Sequence[Row]:
        """Users by id, each with their keywords."""
        async with self.database.connection() as connection:
            listed = await rows(connection, _LIST, (after, limit))
            return [await _with_keywords(connection, user) for user in listed]

    async def settings(self, key: entities.UserKey, value: int | str) -> Row:
        """The filter settings of a user: the user, the configuration if any, and the keywords."""
        async with self.database.connection() as connection:
            asked = f"SELECT {USER_COLUMNS} FROM users WHERE {key} = %s"
            user = await one(connection, asked, (value,), "user")
            configured = await rows(connection, _IN_FORCE, (user["id"],))
            keywords = await rows(connection, _KEYWORDS, (user["id"],))
            return {**user, "configuration": configured[0] if configured else None, "keywords": keywords}

    async def keywords(self, user_id: int) -> Sequence[Row]:
        """The keywords of a user, in the order of creation."""
        return await self.rows(_KEYWORDS, (user_id,))

    async def configuration(self, user_id: int) -> Row:
        """The configuration of a user."""
        async with self.database.connection() as connection:
            return await one(connection, _CONFIGURATION, (user_id,), "configuration of user")

    async def events(self, user_id: int, limit: int, before: int | None) -> Sequence[Row]:
        """A page of a user's events, newest first, before the event ``before``."""
        values = {"user_id": user_id, "limit": limit, "before": before}
        return await self.rows(statements.EVENTS[before is not None], values)

    async def statistics(self, user_id: int | None, today: date, limit: int) -> Sequence[Row]:
        """Events of a user, or of all, per day; newest first, days before ``today`` only."""
        values = {"user_id": user_id, "today": today, "limit": limit}
        return await self.rows(_OF_USER if user_id else _OF_ALL, values)

    async def classification(self, key: str) -> Row:
        """The classification of a post."""
        async with self.database.connection() as connection:
            return await one(connection, _CLASSIFICATION, (key,), "classification")

    async def add_keyword(self, user_id: int, new: entities.NewKeyword) -> Row:
        """Add a new keyword. Concurrent additions for one user are serialized."""
        try:
            async with transaction(self.database) as connection:
                await one(connection, f"{_USER} FOR NO KEY UPDATE", (user_id,), "user")
                if await rows(connection, _SAME_KEYWORD, (user_id, new.keyword)):
                    raise ConflictError(f"user {user_id} has this keyword already")
                return await one(connection, _ADD_KEYWORD, (user_id, new.keyword), "keyword")
        except UniqueViolation:  # by the optimized release, which takes no lock
            return await self.add_keyword(user_id, new)

    async def remove_keyword(self, user_id: int, keyword_id: int) -> Row:
        """Remove a keyword of the user."""
        async with self.database.connection() as connection:
            return await one(connection, _REMOVE_KEYWORD, (keyword_id, user_id), "keyword")

    async def configure(self, user_id: int, configuration: entities.Configuration) -> Row:
        """Replace the configuration, or create the first one."""
        values = {"user_id": user_id, **configuration.model_dump()}
        try:
            async with transaction(self.database) as connection:
                await one(connection, f"{_USER} FOR NO KEY UPDATE", (user_id,), "user")
                changed = await rows(connection, _CONFIGURE, values)
                return changed[0] if changed else await one(connection, _NEW_CONFIGURATION, values, "configuration")
        except UniqueViolation:  # as above
            return await self.configure(user_id, configuration)

    async def record(self, event: entities.NewEvent) -> Row:
        """Create an event of a user."""
        async with transaction(self.database) as connection:
            await one(connection, _USER, (event.user_id,), "user")
            return await one(connection, _RECORD, event.model_dump(), "event")

    async def classify(self, key: str, classification: entities.Classification) -> Row:
        """Store a classification, in place of an earlier one."""
        values = {"key": key, **classification.model_dump()}
        try:
            async with transaction(self.database) as connection:
                await connection.execute(_LOCK_KEY, (key,))
                changed = await rows(connection, _CLASSIFY, values)
                return changed[0] if changed else await one(connection, _NEW_CLASSIFICATION, values, "classification")
        except UniqueViolation:  # as above
            return await self.classify(key, classification)

    # For hourly and nightly jobs, which the optimized release introduced.

    async def recent_settings(self, limit: int) -> Sequence[Row]:
        """The settings of the users with most recent events."""
        return await self.rows(statements.RECENT_SETTINGS, {"limit": limit})

    async def recent_classifications(self, limit: int) -> Sequence[Row]:
        """The classifications of the posts with most recent events."""
        return await self.rows(statements.RECENT_CLASSIFICATIONS, {"limit": limit})

    async def close_days(self) -> None:
        """Nothing to refresh: statistics are computed on every request."""

    async def rows(self, statement: LiteralString, parameters: Parameters = ()) -> Sequence[Row]:
        """All rows of one statement."""
        async with self.database.connection() as connection:
            return await rows(connection, statement, parameters)


async def _with_keywords(connection: Connection, user: Row) -> Row:
    keywords = await rows(connection, _KEYWORDS, (user["id"],))
    return {**user, "keywords": [row["keyword"] for row in keywords]}
