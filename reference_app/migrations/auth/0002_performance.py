# ruff: noqa: N999 - named the way Alembic names revisions
"""The indexes for the queries of the auth service, built online.

The table of roles has none: its forty rows fit in one page.
"""

from reference_app.migrations import indexes
from reference_app.migrations.indexes import Index

revision = "0002"
down_revision = "0001"

INDEXES = (
    Index(
        "users_by_username",
        on="users (username)",
        needed_by="CREDENTIALS at a log-in, USERS by name, and whether a name is taken",
        unique=True,
    ),
    Index(
        "users_by_email",
        on="users (email)",
        needed_by="USERS by e-mail address, and whether one is taken",
        unique=True,
    ),
    Index(
        "users_by_creation",
        on="users (created_at DESC, id DESC)",
        needed_by="USERS: who signed up last",
    ),
    Index(
        "users_by_login",
        on="users (last_login_at DESC NULLS LAST, id)",
        needed_by="RECENT_PERMISSIONS: who logged in last, every hour",
    ),
    Index(
        "user_roles_of_user",
        on="user_roles (user_id, role_id)",
        needed_by="PERMISSIONS and USERS read the roles of a user",
        unique=True,
    ),
    Index(
        "user_roles_of_role",
        on="user_roles (role_id, granted_at DESC, user_id)",
        needed_by="USERS: who was given a role, last first",
    ),
    Index(
        "role_permissions_of_role",
        on="role_permissions (role_id, permission)",
        needed_by="PERMISSIONS reads the permissions of a role",
        unique=True,
    ),
    Index(
        "role_permissions_by_permission",
        on="role_permissions (permission, role_id)",
        needed_by="PERMISSION_ROLES: the roles with a permission",
    ),
    Index(
        "token_blacklist_by_token",
        on="token_blacklist (token_hash)",
        needed_by="BLACKLISTED at every check of a token",
        unique=True,
    ),
    Index(
        "token_blacklist_of_user",
        on="token_blacklist (user_id, created_at DESC, id DESC)",
        needed_by="LOGOUTS: the log-outs of a user, last first",
    ),
    Index(
        "token_blacklist_by_expiry",
        on="token_blacklist (expires_at)",
        needed_by="DELETE_EXPIRED, every night",
    ),
)


def upgrade() -> None:
    """Build the indexes."""
    indexes.create(INDEXES)


def downgrade() -> None:
    """Remove the indexes."""
    indexes.drop(INDEXES)
