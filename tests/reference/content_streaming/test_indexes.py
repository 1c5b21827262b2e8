"""Every index of the migration serves a request or the nightly work, and none does another's."""

import psycopg
import pytest

from tests.reference import running
from tests.reference.running import Postgres, RedisServer

SCALE = "0.1"  # the least at which the planner prefers an index to reading all creators
REQUESTS = [
    ("GET", "/creators/1", None),
    ("GET", "/creators/by-handle/no-such-handle", None),
    ("GET", "/videos", None),
    ("GET", "/videos/popular", None),
    ("GET", "/videos/trending", None),
    ("GET", "/videos/1", None),
    ("GET", "/videos/1/views", None),
    ("GET", "/users/1/views", None),
    ("POST", "/videos/1/jobs", {"rendition": "240p"}),
    ("POST", "/jobs/claim", {"worker": "w-1"}),
]
USED = """
    SELECT indexrelname, idx_scan > 0 AND indisvalid
    FROM pg_stat_user_indexes JOIN pg_index USING (indexrelid) WHERE NOT indisprimary ORDER BY 1
"""


@pytest.fixture(scope="module")
def used(postgres: Postgres, redis_server: RedisServer) -> str:
    """A database whose indexes count what each kind of request does with them, on data as the planner finds it."""
    url = postgres.create("used_indexes")
    environment = {"DATABASE_URL": url, "REDIS_URL": redis_server.url(3)}
    prepare = [("migrate", "0001"), ("seed", "--scale", SCALE), ("migrate", "head")]
    for command, *arguments in prepare:
        running.here(command, "content_streaming", *arguments, **environment)
    with psycopg.connect(url, autocommit=True) as connection:
        running.settle(connection)
        connection.execute("SELECT pg_stat_reset()")
    with running.service("content_streaming", "optimized", url, redis_server.url(3)) as client:
        for method, path, body in REQUESTS:
            assert client.send(method, path, body).status < 500
    assert running.run("rebuild", "content_streaming", **environment).returncode == 0
    return url


def test_every_index_is_scanned(used: str) -> None:
    with psycopg.connect(used, autocommit=True) as connection:
        running.settle(connection)
        scanned: dict[str, bool] = dict(connection.execute(USED).fetchall())
    assert len(scanned) == 11
    assert [name for name, scans in scanned.items() if not scans] == []


def test_no_index_is_the_beginning_of_another(used: str) -> None:
    with psycopg.connect(used) as connection:
        rows = connection.execute("SELECT indrelid, indkey::text FROM pg_index WHERE indrelid >= 16384").fetchall()
    columns = [(table, f"{keys} ") for table, keys in rows]
    beginnings = [(a, b) for a in columns for b in columns if a is not b and a[0] == b[0] and b[1].startswith(a[1])]
    assert beginnings == []
