"""The optimized queries of the recommendation service: one statement per response. Other methods are inherited."""

from collections.abc import Sequence
from datetime import datetime

from reference_app.database import Row, one, rows, transaction
from reference_app.errors import NotFoundError
from reference_app.services.recommendation import statements
from reference_app.services.recommendation.baseline import BaselineQueries
from reference_app.services.recommendation.entities import Listing, Shelf

_SCORES_SECONDS = 30  # a batch over all contents, for which no request waits


class OptimizedQueries(BaselineQueries):
    """One statement for a list with all its rows."""

    async def recommendations(self, user_id: int, limit: int) -> Listing:
        """The baseline's result by one statement."""
        async with self.database.connection() as connection:
            found = await rows(connection, statements.RECOMMENDATIONS, {"user_id": user_id, "limit": limit})
        if not found:
            raise NotFoundError("user", user_id)
        return Listing([row for row in found if row["id"] is not None], found[0]["interests"])

    async def shelf(self, shelf: Shelf, value: int | str | None, limit: int) -> Sequence[Row]:
        """The baseline's result by one statement."""
        async with self.database.connection() as connection:
            return await rows(connection, statements.SHELVES[shelf], {"value": value, "limit": limit})

    async def content(self, content_id: int) -> Row:
        """The baseline's result by one statement."""
        async with self.database.connection() as connection:
            return await one(connection, statements.CONTENT, {"content_id": content_id}, "content")

    async def interests(self, user_id: int) -> Sequence[str]:
        """The baseline's result by one statement."""
        async with self.database.connection() as connection:
            found = await one(connection, statements.INTERESTS, {"user_id": user_id}, "user")
        return list(found["interests"])

    async def update_scores(self, as_of: datetime) -> int:
        """One UPDATE of the changed scores."""
        async with transaction(self.database, seconds=_SCORES_SECONDS) as connection:
            await connection.execute(statements.LOCK_SCORES)
            return (await connection.execute(statements.UPDATE_SCORES, {"as_of": as_of})).rowcount
