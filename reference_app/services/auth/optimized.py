"""The queries of the auth service after: one statement per answer. What is not here was left as it was."""

from collections.abc import Sequence

from reference_app.database import Row, one, rows
from reference_app.services.auth import statements
from reference_app.services.auth.baseline import BaselineQueries
from reference_app.services.auth.entities import By, Roles


class OptimizedQueries(BaselineQueries):
    """One statement for a list and all that is in it."""

    async def permissions(self, user_id: int) -> Roles:
        """One statement."""
        async with self.database.connection() as connection:
            return dict((await one(connection, statements.PERMISSIONS, (user_id,), "user"))["roles"])

    async def permission_roles(self, permission: str) -> Sequence[Row]:
        """One statement."""
        async with self.database.connection() as connection:
            return await rows(connection, statements.PERMISSION_ROLES, (permission,))

    async def users(self, by: By, value: str | None, limit: int) -> Sequence[Row]:
        """One statement."""
        async with self.database.connection() as connection:
            return await rows(connection, statements.USERS[by], {"value": value, "limit": limit})
