"""Each index of the migration is there, valid, and scanned by something that the service does."""

import psycopg

from tests.reference import running
from tests.reference.auth.tokens import token
from tests.reference.running import Postgres, RedisServer

SCALE = 0.05  # large enough that the planner chooses by itself what it chooses at scale 1
SCANS = """
    SELECT indexrelname, idx_scan FROM pg_stat_user_indexes JOIN pg_index USING (indexrelid)
    WHERE indisvalid AND NOT indisprimary
"""
READS = [
    "/auth/token",
    "/auth/user/7/permissions",
    "/auth/user/7/logouts",
    "/auth/users",
    "/auth/users/by-name/user7",
    "/auth/users/by-email/user7@example.com",
    "/auth/role/video-reader/users",
    "/auth/permission/content-read/roles",
]


def test_every_index_is_scanned(postgres: Postgres, redis_server: RedisServer) -> None:
    database = {"DATABASE_URL": postgres.create("auth_indexes")}
    cache = redis_server.url(3)
    for command in (("migrate", "auth", "0001"), ("seed", "auth", "--scale", str(SCALE)), ("migrate", "auth", "head")):
        running.here(*command, **database)
    with running.service("auth", "optimized", database["DATABASE_URL"], cache) as client:
        for path in READS:
            assert client.send("GET", path, token=token(7, "index")).status == 200
    assert running.run("rebuild", "auth", **database, REDIS_URL=cache).returncode == 0
    with psycopg.connect(database["DATABASE_URL"], autocommit=True) as connection:
        running.settle(connection)
        assert {name for name, scans in connection.execute(SCANS) if scans == 0} == set()
        assert connection.execute(f"SELECT count(*) FROM ({SCANS}) indexes").fetchone() == (11,)
