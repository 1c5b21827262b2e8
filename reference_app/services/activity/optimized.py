"""The optimized queries of the activity service: one statement per response. Other methods are inherited."""

from collections.abc import Sequence
from datetime import date
from typing import Any, LiteralString

from psycopg.types.json import Jsonb

from reference_app.cursor import Cursor
from reference_app.database import Row, one, rows
from reference_app.errors import NotFoundError
from reference_app.renewal import renew
from reference_app.services.activity import statements
from reference_app.services.activity.baseline import BaselineQueries
from reference_app.services.activity.entities import WEEK, ActivityChange, NewActivity, Upload

_UNCHANGED = dict.fromkeys(ActivityChange.model_fields)


class OptimizedQueries(BaselineQueries):
    """One statement for a list with all its rows, and for a whole upload."""

    async def dashboard(self, user_id: int) -> Row:
        """The baseline's result by one statement."""
        return await self._one(statements.DASHBOARD, {"user_id": user_id}, "user")

    async def progress(self, team_id: int) -> Row:
        """The baseline's result by one statement."""
        return await self._one(statements.PROGRESS, {"team_id": team_id}, "team")

    async def leaderboard(self, team_id: int | None, week: date, limit: int) -> Sequence[Row]:
        """The baseline's result by one statement."""
        asked = {"team_id": team_id, "week": week, "earlier": week - WEEK, "limit": limit}
        if team_id is None:
            return await self._rows(statements.LEADERBOARD_OF_ALL, asked)
        found = await self._rows(statements.LEADERBOARD_OF_TEAM, asked)
        if not found:
            raise NotFoundError("team", team_id)
        return [place for place in found if place["user_id"] is not None]

    async def history(self, user_id: int, before: Cursor, limit: int) -> Sequence[Row]:
        """One statement, which reads the requested page only."""
        asked = {"user_id": user_id, "moment": before.moment, "id": before.id, "limit": limit}
        return await self._rows(statements.HISTORY, asked)

    async def record(self, new: NewActivity) -> Row:
        """One statement; where it inserts nothing, the baseline finds the reason."""
        recorded = await self._record(new.user_id, [new.model_dump(mode="json", exclude={"user_id"})])
        return recorded[0] if recorded else await super().record(new)

    async def upload(self, upload: Upload) -> Sequence[Row]:
        """One statement for all activities of the upload."""
        efforts = upload.model_dump(mode="json")["activities"]
        return await self._record(upload.user_id, efforts) or await super().upload(upload)

    async def change(self, activity_id: int, change: ActivityChange) -> Row:
        """The baseline's result by one statement."""
        given = {"activity_id": activity_id, **_UNCHANGED, **change.model_dump(exclude_unset=True)}
        return await self._one(statements.CHANGE, given, "activity")

    async def remove(self, activity_id: int) -> Row:
        """The baseline's result by one statement."""
        return await self._one(statements.REMOVE, {"activity_id": activity_id}, "activity")

    async def renew(self) -> None:
        """Refresh the view of leaderboards if a week is stale."""
        await renew(self.database, "weekly_places", "stale_weeks")

    async def _record(self, user_id: int, efforts: list[Any]) -> Sequence[Row]:
        teams = {effort["team_id"] for effort in efforts}
        asked = {"user_id": user_id, "team_ids": list(teams), "efforts": Jsonb(efforts)}
        return await self._rows(statements.RECORD, asked)

    async def _one(self, statement: LiteralString, asked: Row, kind: str) -> Row:
        async with self.database.connection() as connection:
            return await one(connection, statement, asked, kind)

    async def _rows(self, statement: LiteralString, asked: Row) -> Sequence[Row]:
        async with self.database.connection() as connection:
            return await rows(connection, statement, asked)
