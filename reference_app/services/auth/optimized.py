"""The optimized queries of the auth service: one statement per response. Other methods are inherited."""

from collections.abc import Sequence

from reference_app.database import Row, one, rows
from reference_app.services.auth import statements
from reference_app.services.auth.baseline import BaselineQueries
from reference_app.services.auth.entities import By, Roles


class OptimizedQueries(BaselineQueries):
    """One statement for a list with all its rows."""

    async def permissions(self, user_id: int) -> Roles:
        """The baseline's result by one statement."""
        async with self.database.connection() as connection:
            return dict((await one(connection, statements.PERMISSIONS, (user_id,), "user"))["roles"])

    async def permission_roles(self, permission: str) -> Sequence[Row]:
        """The baseline's result by one statement."""
        async with self.database.connection() as connection:
            return await rows(connection, statements.PERMISSION_ROLES, (permission,))

    async def users(self, by: By, value: str | None, limit: int) -> Sequence[Row]:
        """The baseline's result by one statement."""
        async with self.database.connection() as connection:
            return await rows(connection, statements.USERS[by], {"value": value, "limit": limit})
