# ruff: noqa: S608 - the joined texts are constants of this package
"""The SQL of the optimized release. Each index of revision 0002 names the statement that needs it."""

from reference_app.services.auth.entities import CHOSEN, USER_COLUMNS

_PERMISSIONS = """
    SELECT users.id, coalesce((
        SELECT jsonb_object_agg(name, ARRAY(SELECT permission FROM role_permissions WHERE role_id = roles.id))
        FROM roles JOIN user_roles ON role_id = roles.id WHERE user_id = users.id
    ), '{}') AS roles
    FROM users
"""
PERMISSIONS = f"{_PERMISSIONS} WHERE users.id = %s"
RECENT_PERMISSIONS = f"{_PERMISSIONS} ORDER BY last_login_at DESC NULLS LAST, id LIMIT %(limit)s"
PERMISSION_ROLES = """
    SELECT name, description FROM role_permissions JOIN roles ON roles.id = role_id
    WHERE permission = %s ORDER BY role_id
"""
_USERS_WITH_ROLES = f"""
    SELECT {USER_COLUMNS}, ARRAY(
        SELECT name FROM roles JOIN user_roles ON role_id = roles.id WHERE user_id = users.id ORDER BY role_id
    ) AS roles
    FROM users
"""
USERS = {by: f"{_USERS_WITH_ROLES} {chosen} LIMIT %(limit)s" for by, chosen in CHOSEN.items()}

# These statements are the same in both releases; indexes alone make them fast.
CREDENTIALS = "SELECT id, is_active, password_hash FROM users WHERE username = %s"
BLACKLISTED = "SELECT id FROM token_blacklist WHERE token_hash = %s"
LOGOUTS = """
    SELECT id, created_at, expires_at FROM token_blacklist WHERE user_id = %s ORDER BY created_at DESC, id DESC LIMIT %s
"""

# Held to the end of the transaction. All transactions lock the username first: no deadlock.
LOCK_NAMES = """
    SELECT pg_advisory_xact_lock(hashtext('username'), hashtext(%s)),
        pg_advisory_xact_lock(hashtext('email'), hashtext(%s))
"""

# A day before the newest log-out, not before now: never too early, whatever the clocks of the servers are.
DELETE_EXPIRED = """
    DELETE FROM token_blacklist WHERE id = ANY (ARRAY(
        SELECT id FROM token_blacklist
        WHERE expires_at < (SELECT created_at FROM token_blacklist ORDER BY id DESC LIMIT 1) - interval '1 day'
        ORDER BY expires_at LIMIT 5000 FOR UPDATE SKIP LOCKED
    ))
    RETURNING user_id
"""
