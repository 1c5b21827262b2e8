"""The optimized queries of the content streaming service: one statement per response. Other methods are inherited."""

from collections.abc import Sequence
from datetime import date

from reference_app.database import Row, one, rows
from reference_app.services.content_streaming import entities, statements
from reference_app.services.content_streaming.baseline import JOB_FOR, BaselineQueries


class OptimizedQueries(BaselineQueries):
    """One statement for a list with all its rows, and for frequent writes."""

    async def video(self, video_id: int) -> Row:
        """The baseline's result by one statement."""
        async with self.database.connection() as connection:
            return await one(connection, statements.VIDEO, {"video_id": video_id}, "video")

    async def creator(self, key: entities.CreatorKey, value: int | str, limit: int) -> Row:
        """The baseline's result by one statement."""
        async with self.database.connection() as connection:
            return await one(connection, statements.CREATORS[key], {"value": value, "limit": limit}, "creator")

    async def shelf(self, shelf: entities.Shelf, limit: int, today: date) -> Sequence[Row]:
        """The baseline's result by one statement."""
        async with self.database.connection() as connection:
            return await rows(connection, statements.SHELVES[shelf], {"limit": limit, "today": today})

    async def views(self, key: entities.ViewKey, value: int, limit: int) -> Sequence[Row]:
        """The baseline's result by one statement."""
        async with self.database.connection() as connection:
            return await rows(connection, statements.VIEWS[key], {"value": value, "limit": limit})

    async def claim(self, worker: str) -> Row:
        """One statement with SKIP LOCKED; no worker waits for another."""
        async with self.database.connection() as connection:
            return await one(connection, statements.CLAIM, {"worker": worker}, JOB_FOR)

    async def record_view(self, video_id: int, view: entities.NewView) -> Row:
        """One statement, so that the video's row lock is short."""
        async with self.database.connection() as connection:
            seen = {"video_id": video_id, **view.model_dump()}
            return await one(connection, statements.RECORD_VIEW, seen, "video")
