"""The generated data: consistent in itself, skewed as in life."""

import psycopg

from reference_app.seeds import auth as seed
from tests.reference.running import Client, Postgres

INCONSISTENT = """
    SELECT 'role given before its user', count(*) FROM user_roles JOIN users ON users.id = user_id
    WHERE granted_at < users.created_at
    UNION ALL
    SELECT 'role given twice', count(*) - count(DISTINCT (user_id, role_id)) FROM user_roles
    UNION ALL
    SELECT 'permission given twice', count(*) - count(DISTINCT (role_id, permission)) FROM role_permissions
    UNION ALL
    SELECT 'token of before its user', count(*) FROM token_blacklist JOIN users ON users.id = user_id
    WHERE expires_at - interval '1 hour' < users.created_at
    UNION ALL
    SELECT 'token given back without a life', count(*) FROM token_blacklist
    WHERE created_at NOT BETWEEN expires_at - interval '1 hour' AND expires_at
    UNION ALL
    SELECT 'token of after the last log-in', count(*) FROM token_blacklist JOIN users ON users.id = user_id
    WHERE last_login_at IS NULL OR expires_at - interval '1 hour' > last_login_at
    UNION ALL
    SELECT 'moment after the epoch', count(*) FROM users, token_blacklist
    WHERE greatest(users.created_at, last_login_at, token_blacklist.created_at) > '2026-01-01Z'
"""


def test_scale_one_is_as_large_as_promised() -> None:
    rows = {table.name: len(table.columns["id"]) for table in seed.generate(1)}
    assert 550 <= rows.pop("role_permissions") <= 650
    assert 105_000 <= rows.pop("user_roles") <= 115_000
    assert rows == {"users": 50_000, "roles": 40, "token_blacklist": 300_000}


def test_is_consistent(postgres: Postgres, seeded: str) -> None:
    with psycopg.connect(postgres.url(seeded)) as connection:
        assert {what: count for what, count in connection.execute(INCONSISTENT) if count} == {}


def test_few_roles_are_held_by_many(postgres: Postgres, seeded: str) -> None:
    with psycopg.connect(postgres.url(seeded)) as connection:
        held = [
            row[0] for row in connection.execute("SELECT count(*) FROM user_roles GROUP BY role_id ORDER BY 1 DESC")
        ]
    assert sum(held[:4]) > 0.35 * sum(held)


def test_everybody_active_can_log_in(baseline: Client) -> None:
    for user in (1, 16, 31, 500):
        credentials = {"username": f"user{user}", "password": f"password-{user % seed.PASSWORDS}"}
        answer = baseline.send("POST", "/auth/login", credentials)
        assert (answer.status, answer.body["user_id"]) == (200, user)  # type: ignore[index] # an object
    refused = baseline.send(
        "POST", "/auth/login", {"username": "user67", "password": f"password-{67 % seed.PASSWORDS}"}
    )
    assert refused.status == 401  # not active
