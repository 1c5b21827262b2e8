"""What one request costs, read around it on a real server: exact, alike between equal arms, and N+1 found or not."""

import random
from collections.abc import Callable

import psycopg
import pytest

from harness.analysis.request_cost import request_costs
from harness.evidence.n_plus_one import repeated_statements
from harness.probes import redis_monitor as keys
from harness.probes.access import Connection, Database
from harness.record.request_work import RequestWork
from harness.run.request_work import RequestWorkReader
from tests.servers.probes.conftest import Make

Request = Callable[[Connection, random.Random], int]
SCHEMA = """
    CREATE TABLE posts (id int PRIMARY KEY, author int NOT NULL, title text NOT NULL, seen int NOT NULL DEFAULT 0);
    CREATE TABLE tags (post int NOT NULL, tag text NOT NULL);
    INSERT INTO posts SELECT n, n % 20, 'post ' || n FROM generate_series(1, 400) n;
    INSERT INTO tags SELECT n % 400 + 1, 'tag ' || n FROM generate_series(1, 1200) n;
    CREATE INDEX ON tags (post);
    ANALYZE
"""
POSTS = "SELECT id, title FROM posts WHERE author = %s ORDER BY id LIMIT %s"


def one_by_one(connection: Connection, dice: random.Random) -> int:
    """A list, and a statement for each of its rows."""
    rows = connection.execute(POSTS, [dice.randrange(20), dice.randint(3, 15)]).fetchall()
    for post, _ in rows:
        connection.execute("SELECT tag FROM tags WHERE post = %s", [post]).fetchall()
    return len(rows)


def saved_one_by_one(connection: Connection, dice: random.Random) -> int:
    """A list, each row of which is written back by itself."""
    rows = connection.execute(POSTS, [dice.randrange(20), dice.randint(5, 15)]).fetchall()
    for post, _ in rows:
        connection.execute("UPDATE posts SET seen = seen + 1 WHERE id = %s", [post])
    return len(rows)


def joined(connection: Connection, dice: random.Random) -> int:
    """A list and all its tags in two statements."""
    rows = connection.execute(POSTS, [dice.randrange(20), dice.randint(3, 15)]).fetchall()
    ids = [post for post, _ in rows]
    connection.execute("SELECT post, tag FROM tags WHERE post = ANY(%s)", [ids]).fetchall()
    return len(rows)


def in_batches(connection: Connection, dice: random.Random) -> int:
    """A long list whose tags are fetched a hundred posts at a time."""
    rows = connection.execute("SELECT id FROM posts LIMIT %s", [dice.randint(100, 400)]).fetchall()
    for start in range(0, len(rows), 100):
        ids = [post for (post,) in rows[start : start + 100]]
        connection.execute("SELECT post, tag FROM tags WHERE post = ANY(%s)", [ids]).fetchall()
    return len(rows)


def steps(connection: Connection, dice: random.Random) -> int:
    """Several statements, always as many, whatever they return."""
    for _ in range(4):
        connection.execute("SELECT count(*) FROM posts WHERE author = %s", [dice.randrange(20)]).fetchall()
    return len(connection.execute(POSTS, [dice.randrange(20), dice.randint(3, 15)]).fetchall())


@pytest.fixture(autouse=True)
def no_cache_to_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "LAST_SECONDS", 0.0)


@pytest.fixture(scope="module")
def database(make: Make) -> Database:
    return filled(make("repeated"))


def filled(made: Database) -> Database:
    with made.connect() as connection:
        connection.execute(SCHEMA.encode())
        connection.execute(b"VACUUM (ANALYZE)")  # as in a run; else the server does it meanwhile, to one of them
    return made


def inspect(database: Database, request: Request, seed: int, requests: int = 6) -> RequestWork:
    dice = random.Random(seed)
    with database.connect() as service, RequestWorkReader([database], []) as reader:
        reader.add(None)
        for n in range(1, requests + 1):
            with service.transaction():
                items = request(service, dice)
            told = {"endpoint": "GET /", "status": 200, "cache": None, "items": items, "queries": None, "db_ms": None}
            reader.add({"n": n, **told})
        return reader.result("before")


@pytest.mark.parametrize("request_", [one_by_one, saved_one_by_one])
def test_a_statement_for_each_row_is_found_fifty_times_of_fifty(database: Database, request_: Request) -> None:
    found = [repeated_statements(inspect(database, request_, seed)).get("GET /") for seed in range(25)]
    assert all(one is not None and 0.9 < one.slope < 1.1 for one in found)


@pytest.mark.parametrize("request_", [joined, in_batches, steps])
def test_no_other_request_is_accused(database: Database, request_: Request) -> None:
    assert not any(repeated_statements(inspect(database, request_, seed)) for seed in range(17))


def test_work_is_exact_and_alike_for_equal_arms(make: Make) -> None:
    """Each arm has a database of its own, as in a run: what others changed in it would be in the pages it looks at."""
    arms = [filled(make(name)) for name in ("one", "other")]
    one, other = (request_costs(inspect(arm, one_by_one, 7, requests=20))["GET /"] for arm in arms)
    assert one.each.calls == other.each.calls > 4
    assert one.each.rows == other.each.rows
    assert one.each.blocks == pytest.approx(other.each.blocks, rel=0.01)
    assert [part.counts.calls for part in one.parts] == [part.counts.calls for part in other.parts]


def test_work_is_what_was_done_and_not_what_the_harness_asks(database: Database) -> None:
    seen = inspect(database, lambda connection, _: len(connection.execute("SELECT 1").fetchall()), 1, requests=3)
    assert [request.counts.calls for request in seen.requests] == [1, 1, 1]
    assert [request.counts.rows for request in seen.requests] == [1, 1, 1]
    assert [statement.text for statement in seen.statements] == ["SELECT $1"]


def test_a_server_that_does_not_tell_ends_nothing(database: Database) -> None:
    blind = Database(None, database.name, database.connect, database.connect)  # the extension is in another database
    seen = inspect(blind, joined, 1)
    assert "pg_stat_statements" in seen.missing
    assert len(seen.requests) == 6
    assert request_costs(seen) == {}


def test_a_server_that_goes_away_ends_nothing(database: Database) -> None:
    def refuse() -> Connection:
        raise psycopg.OperationalError("connection refused")

    seen = inspect(Database(None, database.name, database.connect, refuse), joined, 1)
    assert seen.missing == "connection refused"


def test_no_value_of_a_command_is_kept(database: Database) -> None:
    def comment(connection: Connection, _: random.Random) -> int:
        connection.execute("COMMENT ON TABLE posts IS 'password 1234'")
        return 0

    assert [one.text for one in inspect(database, comment, 1).statements] == ["COMMENT ON TABLE posts IS ?"]
