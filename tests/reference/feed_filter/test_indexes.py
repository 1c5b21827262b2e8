"""Requests scan every index of the migration; without them they scan the large tables sequentially."""

from importlib import import_module

import psycopg
import pytest

from tests.reference import running
from tests.reference.running import Postgres, RedisServer

SCALE = "0.1"
INDEXES = import_module("reference_app.migrations.feed_filter.0002_performance").INDEXES
REQUESTS = [
    ("GET", "/users?limit=3", None),
    ("GET", "/users/1/filter", None),
    ("GET", "/users/by-email/user2@example.com/filter", None),
    ("GET", "/users/3/configuration", None),
    ("GET", "/users/1/events?before=40000", None),
    ("GET", "/users/1/statistics", None),
    ("GET", "/statistics", None),
    ("GET", "/classifications/unknown", None),
    ("POST", "/users/1/keywords", {"keyword": "new"}),
]
READ_WHOLE = """
    SELECT relname FROM pg_stat_user_tables WHERE seq_scan > 0 AND relname IN ('analytics_events', 'classifications')
"""


@pytest.fixture(scope="module")
def url(postgres: Postgres) -> str:
    """A database with data as the planner finds it."""
    address = postgres.create("feed_filter_scanned")
    for command in (("migrate", "0001"), ("seed", "--scale", SCALE), ("migrate", "head")):
        running.here(command[0], "feed_filter", *command[1:], DATABASE_URL=address)
    return address


def ask(url: str, release: str, redis: str) -> tuple[set[str], set[str]]:
    """Indexes and large tables (Seq Scan) that a release scans for these requests."""
    with psycopg.connect(url, autocommit=True) as connection:
        running.settle(connection)
        connection.execute("SELECT pg_stat_reset()")
        with running.service("feed_filter", release, url, redis) as client:
            assert {client.send(*request).status for request in REQUESTS} <= {200, 201, 404, 409}
        running.settle(connection)
        scanned = connection.execute("SELECT indexrelname FROM pg_stat_user_indexes WHERE idx_scan > 0").fetchall()
        whole = connection.execute(READ_WHOLE).fetchall()
    return {name for (name,) in scanned}, {name for (name,) in whole}


def test_each_index_is_scanned_and_large_tables_have_no_sequential_scan(url: str, redis_server: RedisServer) -> None:
    scanned, whole = ask(url, "optimized", redis_server.url(3))
    assert {index.name for index in INDEXES} - scanned == set()
    assert whole == set()


def test_without_indexes_the_large_tables_have_sequential_scans(
    url: str, postgres: Postgres, redis_server: RedisServer
) -> None:
    before = postgres.create("feed_filter_unindexed", url.rpartition("/")[2])
    running.here("migrate", "feed_filter", "0001", DATABASE_URL=before)
    scanned, whole = ask(before, "baseline", redis_server.url(3))
    assert {name for name in scanned if not name.endswith("_pkey")} == set()
    assert whole == {"analytics_events", "classifications"}
