"""The queries of the feed filter service after: one statement per answer. What is not here was left as it was."""

from collections.abc import Sequence
from datetime import date

from reference_app.database import Row, one, rows, transaction
from reference_app.services.feed_filter import statements
from reference_app.services.feed_filter.baseline import BaselineQueries
from reference_app.services.feed_filter.entities import Classification, Configuration, NewEvent, NewKeyword, UserKey

_REFRESH_SECONDS = 60  # a batch over all events, not an answer that somebody waits for


class OptimizedQueries(BaselineQueries):
    """One statement for a list and all that is in it; unique indexes instead of locks; days that are over are kept."""

    async def users(self, limit: int, after: int) -> Sequence[Row]:
        """One statement."""
        return await self.rows(statements.USERS, {"after": after, "limit": limit})

    async def settings(self, key: UserKey, value: int | str) -> Row:
        """One statement."""
        async with self.database.connection() as connection:
            return await one(connection, statements.SETTINGS[key], {"value": value}, "user")

    async def statistics(self, user_id: int | None, today: date, limit: int) -> Sequence[Row]:
        """One statement, over the days that the view holds and the events after them."""
        values = {"user_id": user_id, "today": today, "limit": limit}
        return await self.rows(statements.STATISTICS if user_id else statements.TOTALS, values)

    async def add_keyword(self, user_id: int, new: NewKeyword) -> Row:
        """One statement; where that added nothing, the way before finds out why."""
        async with self.database.connection() as connection:
            added = await rows(connection, statements.ADD_KEYWORD, {"user_id": user_id, **new.model_dump()})
        return added[0] if added else await super().add_keyword(user_id, new)

    async def configure(self, user_id: int, configuration: Configuration) -> Row:
        """One statement."""
        values = {"user_id": user_id, **configuration.model_dump()}
        async with self.database.connection() as connection:
            return await one(connection, statements.CONFIGURE, values, "user")

    async def record(self, event: NewEvent) -> Row:
        """One statement."""
        async with self.database.connection() as connection:
            return await one(connection, statements.RECORD, event.model_dump(), "user")

    async def classify(self, key: str, classification: Classification) -> Row:
        """One statement."""
        async with self.database.connection() as connection:
            values = {"key": key, **classification.model_dump()}
            return await one(connection, statements.CLASSIFY, values, "classification")

    async def close_days(self) -> None:
        """Refresh the view beside those who read it."""
        async with transaction(self.database, seconds=_REFRESH_SECONDS) as connection:
            await connection.execute(statements.CLOSE_DAYS)
