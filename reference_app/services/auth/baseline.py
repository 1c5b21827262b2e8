# ruff: noqa: S608 - the joined texts are constants of this package
"""The baseline queries of the auth service: correct, readable, and slow under load.

Written in the style of an ORM: load the entities, then the rows of each; change an entity, save all of it.
Locks, not indexes, ensure uniqueness: so each release works on each revision, and beside the other release, as in a
canary deployment or after a rollback of the migration.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from reference_app.database import Connection, Database, Row, one, rows, transaction
from reference_app.errors import ConflictError
from reference_app.services.auth import statements
from reference_app.services.auth.entities import CHOSEN, USER_COLUMNS, By, NewUser, Roles
from reference_app.services.auth.tokens import Token

_USER = "SELECT id FROM users WHERE id = %s"
_NEW_USER = f"INSERT INTO users (username, email, password_hash) VALUES (%s, %s, %s) RETURNING {USER_COLUMNS}"
_ROLE = "SELECT id, name FROM roles WHERE name = %s"
_ROLE_BY_ID = "SELECT name, description FROM roles WHERE id = %s"
_HELD = (
    "SELECT role_id AS id, name FROM user_roles JOIN roles ON roles.id = role_id WHERE user_id = %s ORDER BY role_id"
)
_GIVE = "INSERT INTO user_roles (user_id, role_id) VALUES (%s, %s)"
_TAKE = "DELETE FROM user_roles WHERE user_id = %s AND role_id = %s"
_PERMISSIONS = "SELECT permission FROM role_permissions WHERE role_id = %s"
_ALLOW = "INSERT INTO role_permissions (role_id, permission) VALUES (%s, %s)"
_FORBID = "DELETE FROM role_permissions WHERE role_id = %s AND permission = %s"
_BLACKLIST = "INSERT INTO token_blacklist (token_hash, user_id, expires_at) VALUES (%s, %s, %s)"


class BaselineQueries:
    """One query for a list, and one more for each row."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def credentials(self, username: str) -> Row | None:
        """The id, is_active and password_hash for a log-in."""
        async with self.database.connection() as connection:
            return await (await connection.execute(statements.CREDENTIALS, (username,))).fetchone()

    async def record_login(self, user_id: int) -> None:
        """Record a log-in; of two concurrent ones the later one counts."""
        statement = "UPDATE users SET last_login_at = greatest(last_login_at, now()) WHERE id = %s"
        async with self.database.connection() as connection:
            await connection.execute(statement, (user_id,))

    async def is_revoked(self, digest: str) -> bool:
        """Whether a token is revoked."""
        async with self.database.connection() as connection:
            return bool(await rows(connection, statements.BLACKLISTED, (digest,)))

    async def revoke(self, token: Token) -> None:
        """Put a token on the blacklist, once."""
        async with transaction(self.database) as connection:
            await one(connection, f"{_USER} FOR NO KEY UPDATE", (token.user_id,), "user")
            if not await rows(connection, statements.BLACKLISTED, (token.digest,)):
                await connection.execute(_BLACKLIST, (token.digest, token.user_id, token.expires_at))

    async def logouts(self, user_id: int, limit: int) -> Sequence[Row]:
        """The revoked tokens of a user, newest first, without digests."""
        async with self.database.connection() as connection:
            return await rows(connection, statements.LOGOUTS, (user_id, limit))

    async def permissions(self, user_id: int) -> Roles:
        """The roles of a user with their permissions."""
        async with self.database.connection() as connection:
            await one(connection, _USER, (user_id,), "user")
            found = await rows(connection, _HELD, (user_id,))
            return {role["name"]: await _permissions(connection, role["id"]) for role in found}

    async def permission_roles(self, permission: str) -> Sequence[Row]:
        """The roles with a permission."""
        async with self.database.connection() as connection:
            statement = "SELECT role_id FROM role_permissions WHERE permission = %s ORDER BY role_id"
            found = await rows(connection, statement, (permission,))
            return [await one(connection, _ROLE_BY_ID, (row["role_id"],), "role") for row in found]

    async def set_user_roles(self, user_id: int, names: Sequence[str]) -> AbstractSet[str]:
        """Replace the roles of a user; returns those removed or added."""
        async with transaction(self.database) as connection:
            await one(connection, f"{_USER} FOR NO KEY UPDATE", (user_id,), "user")
            wanted = {name: (await one(connection, _ROLE, (name,), "role"))["id"] for name in names}
            present = {role["name"]: role["id"] for role in await rows(connection, _HELD, (user_id,))}
            for name in present.keys() - wanted.keys():
                await connection.execute(_TAKE, (user_id, present[name]))
            for name in wanted.keys() - present.keys():
                await connection.execute(_GIVE, (user_id, wanted[name]))
            return wanted.keys() ^ present.keys()

    async def set_role_permissions(self, name: str, permissions: Sequence[str]) -> AbstractSet[str]:
        """Replace the permissions of a role; returns those removed or added."""
        async with transaction(self.database) as connection:
            role = await one(connection, f"{_ROLE} FOR NO KEY UPDATE", (name,), "role")
            wanted, present = {*permissions}, {*await _permissions(connection, role["id"])}
            for permission in present - wanted:
                await connection.execute(_FORBID, (role["id"], permission))
            for permission in wanted - present:
                await connection.execute(_ALLOW, (role["id"], permission))
            return wanted ^ present

    async def create_user(self, user: NewUser, password_hash: str) -> Row:
        """Create a user; ConflictError when the username or the email address is taken."""
        async with transaction(self.database) as connection:
            await connection.execute(statements.LOCK_NAMES, (user.username, user.email))
            for by, value in ((By.USERNAME, user.username), (By.EMAIL, user.email)):
                if await rows(connection, f"SELECT id FROM users {CHOSEN[by]}", {"value": value}):
                    raise ConflictError(f"the {by} is taken")
            return await one(connection, _NEW_USER, (user.username, user.email, password_hash), "user")

    async def users(self, by: By, value: str | None, limit: int) -> Sequence[Row]:
        """Users by one criterion, each with role names, newest first."""
        statement = f"SELECT {USER_COLUMNS} FROM users {CHOSEN[by]} LIMIT %(limit)s"
        async with self.database.connection() as connection:
            return [
                {**user, "roles": [role["name"] for role in await rows(connection, _HELD, (user["id"],))]}
                for user in await rows(connection, statement, {"value": value, "limit": limit})
            ]

    # For background jobs, which the optimized release introduced.

    async def recent_permissions(self, limit: int) -> Sequence[Row]:
        """The id and the roles with permissions of each user who logged in recently."""
        async with self.database.connection() as connection:
            return await rows(connection, statements.RECENT_PERMISSIONS, {"limit": limit})

    async def delete_expired(self) -> AbstractSet[int]:
        """Delete a batch of expired tokens from the blacklist; returns their users."""
        async with self.database.connection() as connection:
            return {row["user_id"] for row in await rows(connection, statements.DELETE_EXPIRED)}


async def _permissions(connection: Connection, role_id: int) -> Sequence[str]:
    return [row["permission"] for row in await rows(connection, _PERMISSIONS, (role_id,))]
