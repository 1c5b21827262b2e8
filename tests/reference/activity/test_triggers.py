"""Whatever happens to activities, totals are their sums, and what the view does not show is marked, in both schemas."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

import psycopg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.examples import examples
from tests.reference.activity.rows import MEMBERS, TABLES
from tests.reference.activity.sums import PLACES, TOTALS, UNMARKED
from tests.reference.running import Postgres

Step = tuple[str, tuple[Any, ...]]
USERS, TEAMS = [user for user, _ in MEMBERS[:3]], [1, 2, 3]
LAST = len(TABLES["activities"])

users, teams = st.sampled_from(USERS), st.sampled_from(TEAMS)
own = st.lists(st.integers(LAST - 20, LAST + 3), min_size=1, max_size=4)
starts = st.sampled_from(["2025-12-31T10:00:00Z", "2025-12-28T23:59:59.999999Z", "2025-12-29T00:00:00Z"])
VALUES = "(user_id, team_id, distance_m, duration_seconds, source, private, started_at)"
ONE = "(%s, %s, %s, 60, 'watch', %s, %s)"
INSERT_FOR_ALL = (
    f"INSERT INTO activities {VALUES} SELECT user_id, team_id, 9, 9, 'watch', false, now() FROM team_members"
)
one = st.tuples(users, teams, st.integers(1, 9_999), st.booleans(), starts)
inserts = st.lists(one, min_size=1, max_size=3).map(
    lambda new: (
        f"INSERT INTO activities {VALUES} VALUES {', '.join([ONE] * len(new))}",
        tuple(chain.from_iterable(new)),
    )
)


def update(column: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[Step]:
    changed = f"UPDATE activities SET {column} = %s WHERE id = ANY (%s)"
    return st.tuples(values, own).map(lambda arguments: (changed, arguments))


changes = st.one_of(
    update("distance_m", st.integers(1, 9_999)),
    update("private", st.booleans()),
    update("note", st.just("remark")),
    update("started_at", starts),
    update("user_id", users),
    update("team_id", teams),
    own.map(lambda chosen: ("DELETE FROM activities WHERE id = ANY (%s)", (chosen,))),
)
privacy = st.tuples(st.sampled_from(["public", "team", "private"]), users).map(
    lambda arguments: ("UPDATE users SET privacy = %s WHERE id = %s", arguments)
)
renewal: st.SearchStrategy[Step] = st.just(("renew", ()))
CHANGES: list[Step] = [
    ("UPDATE activities SET user_id = %s, team_id = %s, distance_m = 1 WHERE id > %s", (USERS[0], 1, LAST - 20)),
    ("UPDATE activities SET user_id = %s, team_id = %s, distance_m = 2 WHERE id > %s", (USERS[1], 2, LAST - 9)),
    ("DELETE FROM activities WHERE id > %s", (LAST - 5,)),
]


@contextmanager
def undone(connection: psycopg.Connection) -> Iterator[None]:
    with connection.transaction(force_rollback=True):
        yield


@pytest.fixture(scope="module")
def plain(postgres: Postgres, seeded: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres.create("activity_triggers_plain", seeded), autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def migrated(postgres: Postgres, indexed: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres.create("activity_triggers_migrated", indexed), autocommit=True) as connection:
        yield connection


def play(connection: psycopg.Connection, step: Step) -> None:
    statement, arguments = step
    if statement != "renew":
        connection.execute(statement, arguments)
        return
    connection.execute("REFRESH MATERIALIZED VIEW CONCURRENTLY weekly_places")
    connection.execute("DELETE FROM stale_weeks")


def found(connection: psycopg.Connection, statement: str) -> list[Any]:
    return connection.execute(statement).fetchall()


@given(steps=st.lists(st.one_of(inserts, changes), min_size=1, max_size=4))
@example(steps=CHANGES)
@examples(25)
def test_plain_totals_are_the_sums(plain: psycopg.Connection, steps: list[Step]) -> None:
    with undone(plain):
        for step in steps:
            play(plain, step)
            assert found(plain, TOTALS) == [], step


@given(steps=st.lists(st.one_of(inserts, changes, changes, privacy, renewal), min_size=1, max_size=6))
@example(steps=CHANGES)
@examples(40)
def test_migrated_totals_are_the_sums_and_what_is_stale_is_marked(
    migrated: psycopg.Connection, steps: list[Step]
) -> None:
    with undone(migrated):
        for step in steps:
            play(migrated, step)
            assert found(migrated, TOTALS) == [], step
            assert found(migrated, UNMARKED) == [], step


def test_the_view_has_places_with_gaps_after_ties(migrated: psycopg.Connection) -> None:
    assert found(migrated, PLACES) == []
    with undone(migrated):
        migrated.execute("UPDATE activities SET distance_m = 1000")
        play(migrated, ("renew", ()))
        assert found(migrated, PLACES) == []
        assert found(migrated, UNMARKED) == []
        shared = "SELECT FROM weekly_places GROUP BY week, team_id, place HAVING count(*) > 1"
        assert len(found(migrated, shared)) > 10


@pytest.mark.parametrize(
    ("statement", "before", "after"),
    [
        ("UPDATE activities SET note = 'remark' WHERE id <= 5", 5, 0),
        ("UPDATE activities SET distance_m = distance_m WHERE id <= 5", 5, 0),
        ("UPDATE activities SET duration_seconds = 1 WHERE id <= 5", 5, 0),
        ("UPDATE activities SET distance_m = distance_m + 1 WHERE id <= 5", 5, 5),
        ("DELETE FROM activities WHERE id <= 5", 5, 1),
        (INSERT_FOR_ALL, len(MEMBERS), 1),
        ("UPDATE users SET username = 'x'", 0, 0),
        ("UPDATE users SET privacy = 'private' WHERE id = 1", 0, 1),
    ],
)
def test_what_counts_for_nothing_fires_nothing_and_what_one_statement_does_fires_once(
    plain: psycopg.Connection, migrated: psycopg.Connection, statement: str, before: int, after: int
) -> None:
    """And the server counts that, as it counts what functions in PL/pgSQL take."""
    for connection, calls in ((plain, before), (migrated, after)):
        with undone(connection):
            connection.execute("SET LOCAL track_functions = 'pl'")
            connection.execute("UPDATE users SET privacy = 'public' WHERE id = 1")
            earlier = counted(connection)
            connection.execute(statement)
            assert counted(connection) - earlier == calls, statement


def counted(connection: psycopg.Connection) -> int:
    row = connection.execute("SELECT coalesce(sum(calls), 0)::integer FROM pg_stat_xact_user_functions").fetchone()
    assert row is not None
    return int(row[0])
