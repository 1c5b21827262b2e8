"""Every index of the migration serves a request, and none does another's."""

from importlib import import_module

import psycopg
import pytest

from tests.reference import running
from tests.reference.activity.rows import EFFORT
from tests.reference.running import Postgres, RedisServer

MIGRATION = import_module("reference_app.migrations.activity.0002_performance")
INDEXES = (*MIGRATION.INDEXES, *MIGRATION.MARK_INDEXES, *MIGRATION.VIEW_INDEXES)
REQUESTS = [
    "/dashboards/1",
    "/teams/1/progress",
    "/activities/user/1",
    "/teams/1/leaderboards/2025-12-24",
    "/leaderboards/2025-12-24",
]
STALE = ["/teams/1/leaderboards/2025-12-31", "/leaderboards/2025-12-31"]


@pytest.fixture(scope="module")
def used(postgres: Postgres, redis_server: RedisServer) -> str:
    """A database whose indexes count what requests do with them, on data as the planner finds it."""
    url = postgres.create("activity_used_indexes")
    for command in (("migrate", "0001"), ("seed", "--scale", "0.1"), ("migrate", "head")):
        running.here(command[0], "activity", *command[1:], DATABASE_URL=url)
    with psycopg.connect(url, autocommit=True) as connection:
        team = connection.execute("SELECT team_id FROM team_members WHERE user_id = 1").fetchone()
        running.settle(connection)
        connection.execute("SELECT pg_stat_reset()")
    assert team is not None
    with running.service("activity", "optimized", url, redis_server.url(3)) as client:
        assert {client.get(path).status for path in REQUESTS} == {200}
        assert client.send("POST", "/activities", EFFORT | {"user_id": 1, "team_id": team[0]}).status == 201
        assert {client.get(path).status for path in STALE} == {200}
    return url


def test_every_index_is_scanned(used: str) -> None:
    with psycopg.connect(used, autocommit=True) as connection:
        running.settle(connection)
        scanned = {
            name
            for (name,) in connection.execute(
                "SELECT indexrelname FROM pg_stat_user_indexes JOIN pg_index USING (indexrelid) WHERE idx_scan > 0"
            )
        }
    assert {index.name for index in INDEXES} - scanned == set()


def test_each_index_is_valid_and_says_who_needs_it(used: str) -> None:
    with psycopg.connect(used) as connection:
        found = connection.execute("""
            SELECT indexrelid::regclass::text, indisvalid, obj_description(indexrelid) FROM pg_index
            WHERE indrelid >= 16384 AND NOT indisprimary
        """).fetchall()
    assert sorted(found) == sorted((index.name, True, index.needed_by) for index in INDEXES)


def test_what_a_team_did_is_added_up_without_looking_at_activities(used: str) -> None:
    explain = "EXPLAIN SELECT user_id, sum(distance_m) FROM activities WHERE team_id = 1 GROUP BY user_id"
    with psycopg.connect(used) as connection:
        plan = "\n".join(line for (line,) in connection.execute(explain))
    assert "Index Only Scan using activities_for_team" in plan
