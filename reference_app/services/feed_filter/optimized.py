"""The optimized queries of the feed filter service: one statement per response. Other methods are inherited."""

from collections.abc import Sequence
from datetime import date

from reference_app.database import Row, one, rows, transaction
from reference_app.services.feed_filter import statements
from reference_app.services.feed_filter.baseline import BaselineQueries
from reference_app.services.feed_filter.entities import Classification, Configuration, NewEvent, NewKeyword, UserKey

_REFRESH_SECONDS = 60  # a batch over all events, for which no request waits


class OptimizedQueries(BaselineQueries):
    """One statement for a list with all its rows; unique indexes instead of locks; a view of past days."""

    async def users(self, limit: int, after: int) -> Sequence[Row]:
        """The baseline's result by one statement."""
        return await self.rows(statements.USERS, {"after": after, "limit": limit})

    async def settings(self, key: UserKey, value: int | str) -> Row:
        """The baseline's result by one statement."""
        async with self.database.connection() as connection:
            return await one(connection, statements.SETTINGS[key], {"value": value}, "user")

    async def statistics(self, user_id: int | None, today: date, limit: int) -> Sequence[Row]:
        """One statement over the days of the view and the events after them."""
        values = {"user_id": user_id, "today": today, "limit": limit}
        return await self.rows(statements.STATISTICS if user_id else statements.TOTALS, values)

    async def add_keyword(self, user_id: int, new: NewKeyword) -> Row:
        """One statement; where it inserts nothing, the baseline finds the reason."""
        async with self.database.connection() as connection:
            added = await rows(connection, statements.ADD_KEYWORD, {"user_id": user_id, **new.model_dump()})
        return added[0] if added else await super().add_keyword(user_id, new)

    async def configure(self, user_id: int, configuration: Configuration) -> Row:
        """The baseline's result by one statement."""
        values = {"user_id": user_id, **configuration.model_dump()}
        async with self.database.connection() as connection:
            return await one(connection, statements.CONFIGURE, values, "user")

    async def record(self, event: NewEvent) -> Row:
        """The baseline's result by one statement."""
        async with self.database.connection() as connection:
            return await one(connection, statements.RECORD, event.model_dump(), "user")

    async def classify(self, key: str, classification: Classification) -> Row:
        """The baseline's result by one statement."""
        async with self.database.connection() as connection:
            values = {"key": key, **classification.model_dump()}
            return await one(connection, statements.CLASSIFY, values, "classification")

    async def close_days(self) -> None:
        """Refresh the view without blocking readers."""
        async with transaction(self.database, seconds=_REFRESH_SECONDS) as connection:
            await connection.execute(statements.CLOSE_DAYS)
