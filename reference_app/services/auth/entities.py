"""Inputs and outputs of the auth service, shared by both implementations."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, TypeAlias

from pydantic import Field

from reference_app.answers import encode
from reference_app.database import Row
from reference_app.fields import Email, Input, Name, Names, Password

# The last log-in is in no response: otherwise every log-in would invalidate the cached user.
USER_COLUMNS = "users.id, users.username, users.email, users.is_active, users.created_at"

Roles: TypeAlias = Mapping[str, Iterable[str]]  # by name, each with its permissions


class By(StrEnum):
    """A criterion for users: the first two select many, the last two one."""

    CREATION = "creation"
    ROLE = "role"
    USERNAME = "username"
    EMAIL = "email"


CHOSEN = {
    By.CREATION: "ORDER BY users.created_at DESC, users.id DESC",
    By.ROLE: """JOIN user_roles held ON held.user_id = users.id
        WHERE held.role_id = (SELECT id FROM roles WHERE name = %(value)s)
        ORDER BY held.granted_at DESC, held.user_id""",
    By.USERNAME: "WHERE users.username = %(value)s",
    By.EMAIL: "WHERE users.email = %(value)s",
}


class Credentials(Input):
    """A username and a password."""

    username: Name
    password: Password


class NewUser(Credentials):
    """A user to create."""

    email: Email
    password: Annotated[Password, Field(min_length=8)]


class UserRoles(Input):
    """All roles of a user, by name."""

    roles: Names


class RolePermissions(Input):
    """All permissions of a role."""

    permissions: Names


def permissions_answer(user_id: int, roles: Roles) -> bytes:
    """The permissions of a user, with the roles that grant them."""
    listed = [{"name": name, "permissions": sorted(roles[name])} for name in sorted(roles)]
    union = sorted({permission for permissions in roles.values() for permission in permissions})
    return encode({"user_id": user_id, "roles": listed, "permissions": union})


def list_answer(items: Iterable[Row]) -> bytes:
    """A list in its order."""
    return encode({"items": list(items)})
