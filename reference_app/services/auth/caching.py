"""Cache entries of the auth service: lifetimes, and the writes that invalidate them.

Topics of cached responses, and the writes that change them:

    token:{digest}      whether a token is valid            its revocation
    logouts:{id}        the log-outs of a user              a log-out; the nightly deletion of expired tokens
    roles:{id}          the roles of a user                 their replacement
    role:{name}         the permissions of a role           their replacement
    holders:{name}      users with a role                   a user gains or loses it
    permission:{name}   roles with a permission             a role gains or loses it
    creation            the newest users                    a user is created

There is no fallback when the database fails: a stale response could grant access. For the same reason a revocation is
acknowledged only after the cache has confirmed the invalidation.
"""

from collections.abc import Mapping
from datetime import timedelta

from reference_app.answers import encode
from reference_app.cache import Cache, Loaded, always, fill, touched
from reference_app.errors import CircuitOpenError, NotFoundError, RefusedError
from reference_app.fallback import FallbackPolicy
from reference_app.services.auth.baseline import BaselineQueries
from reference_app.services.auth.entities import (
    By,
    Credentials,
    NewUser,
    RolePermissions,
    Roles,
    UserRoles,
    list_answer,
    permissions_answer,
)
from reference_app.services.auth.passwords import Passwords
from reference_app.services.auth.tokens import REFUSED, Tokens

SPACE = "auth"
HOUR, HALF_DAY = (int(timedelta(hours=hours).total_seconds()) for hours in (1, 12))
WARM_USERS = 100


class CachedAuth:
    """Responses from the cache, or from ``queries``; without a database nobody can log in."""

    def __init__(self, queries: BaselineQueries, cache: Cache, _: FallbackPolicy) -> None:
        self._queries = queries
        self._cache = cache
        self._tokens = Tokens()
        self._passwords = Passwords()

    async def login(self, credentials: Credentials) -> bytes:
        """A token for an active user with the correct password."""
        user = await self._queries.credentials(credentials.username)
        known = user["password_hash"] if user is not None and user["is_active"] else None
        if not await self._passwords.match(known, credentials.password.get_secret_value()) or user is None:
            raise RefusedError("the username or the password is wrong")
        await self._queries.record_login(user["id"])
        token, expires_at = self._tokens.issue(user["id"])
        return encode({"token": token, "user_id": user["id"], "expires_at": expires_at})

    async def token(self, encoded: str) -> bytes:
        """The content of a token that is not revoked."""
        token = self._tokens.read(encoded)

        async def load() -> Loaded:
            if await self._queries.is_revoked(token.digest):
                raise RefusedError(REFUSED)
            body = encode({"valid": True, "user_id": token.user_id, "expires_at": token.expires_at})
            return Loaded(body, always([f"token:{token.digest}"]))

        return await self._cache.fetch(f"{SPACE}:token:{token.digest}:valid", token.seconds_left, load)

    async def logout(self, encoded: str) -> bytes:
        """Revoke a token; repeating it is allowed."""
        token = self._tokens.read(encoded)
        await self._queries.revoke(token)
        await self._invalidate_confirmed(f"token:{token.digest}", f"logouts:{token.user_id}")
        return encode({"valid": False, "user_id": token.user_id})

    async def permissions(self, user_id: int) -> bytes:
        """The permissions of a user."""

        async def load() -> Loaded:
            return _loaded_permissions(user_id, await self._queries.permissions(user_id))

        return await self._cache.fetch(_permissions_key(user_id), HALF_DAY, load)

    async def set_user_roles(self, user_id: int, wanted: UserRoles) -> bytes:
        """Replace the roles of a user."""
        changed = await self._queries.set_user_roles(user_id, wanted.roles)
        await self._invalidate_confirmed(f"roles:{user_id}", *(f"holders:{name}" for name in changed))
        return encode({"user_id": user_id, "roles": wanted.roles})

    async def set_role_permissions(self, name: str, wanted: RolePermissions) -> bytes:
        """Replace the permissions of a role."""
        changed = await self._queries.set_role_permissions(name, wanted.permissions)
        await self._invalidate_confirmed(f"role:{name}", *(f"permission:{permission}" for permission in changed))
        return encode({"name": name, "permissions": wanted.permissions})

    async def permission_roles(self, permission: str) -> bytes:
        """The roles with a permission."""

        async def load() -> Loaded:
            roles = await self._queries.permission_roles(permission)
            return Loaded(list_answer(roles), always([f"permission:{permission}"]))

        return await self._cache.fetch(f"{SPACE}:permission:{permission}:roles", HALF_DAY, load)

    async def create_user(self, user: NewUser) -> bytes:
        """Create a user."""
        password_hash = await self._passwords.hash(user.password.get_secret_value())
        created = await self._queries.create_user(user, password_hash)
        await self._cache.invalidate(touched("creation"))
        return encode({**created, "roles": []})

    async def user(self, by: By, value: str) -> bytes:
        """One user by name or email address."""

        async def load() -> Loaded:
            for user in await self._queries.users(by, value, limit=1):
                return Loaded(encode(user), always([f"roles:{user['id']}"]))
            raise NotFoundError("user", value)

        return await self._cache.fetch(f"{SPACE}:users:{by}:{value}", HOUR, load)

    async def users(self, by: By, value: str | None, limit: int) -> bytes:
        """Users by one criterion."""

        async def load() -> Loaded:
            users = await self._queries.users(by, value, limit)
            chosen = f"holders:{value}" if by is By.ROLE else "creation"
            return Loaded(list_answer(users), always([chosen, *(f"roles:{user['id']}" for user in users)]))

        return await self._cache.fetch(f"{SPACE}:users:{by}:{value}:{limit}", HOUR, load)

    async def logouts(self, user_id: int, limit: int) -> bytes:
        """The log-outs of a user, newest first."""

        async def load() -> Loaded:
            return Loaded(list_answer(await self._queries.logouts(user_id, limit)), always([f"logouts:{user_id}"]))

        return await self._cache.fetch(f"{SPACE}:user:{user_id}:logouts:{limit}", HOUR, load)

    async def refresh(self) -> bool:
        """Cache the permissions of users who logged in recently."""

        async def load() -> Mapping[str, Loaded]:
            recent = await self._queries.recent_permissions(WARM_USERS)
            return {_permissions_key(user["id"]): _loaded_permissions(user["id"], user["roles"]) for user in recent}

        return await fill(self._cache, HALF_DAY, load)

    async def rebuild(self) -> bool:
        """Delete expired tokens from the blacklist, in batches."""
        if await self._cache.event_number() is None:
            return False
        while users := await self._queries.delete_expired():
            await self._cache.invalidate(touched(*(f"logouts:{user_id}" for user_id in users)))
        return True

    async def _invalidate_confirmed(self, *topics: str) -> None:
        """Invalidate, and raise unless the cache confirms it, so that no other process serves the old entry."""
        await self._cache.invalidate(touched(*topics))
        if await self._cache.event_number() is None:
            raise CircuitOpenError("cache", 1)


_permissions_key = f"{SPACE}:user:{{}}:permissions".format


def _loaded_permissions(user_id: int, roles: Roles) -> Loaded:
    return Loaded(permissions_answer(user_id, roles), always([f"roles:{user_id}", *(f"role:{name}" for name in roles)]))
