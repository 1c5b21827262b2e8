"""The view is renewed once something is stale; what fails is counted, wrong is no answer meanwhile."""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg.errors import ObjectNotInPrerequisiteState

from reference_app.breaker import NoBreaker
from reference_app.database import GuardedDatabase, Pool, is_failure
from reference_app.metrics import Metrics
from reference_app.renewal import renew
from reference_app.services import find
from reference_app.upkeep import RENEWAL_SECONDS
from tests.reference.activity.rows import EFFORT, MEMBERS
from tests.reference.running import Client, Postgres
from tests.reference.test_health import samples

USER, TEAM = MEMBERS[0]
BOARD = f"/teams/{TEAM}/leaderboards/2025-12-31?limit=100"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@pytest.fixture(scope="module")
def database(optimized: Client, postgres: Postgres) -> Iterator[psycopg.Connection]:
    assert optimized.process.poll() is None
    with psycopg.connect(postgres.url(f"optimized_{__name__}"), autocommit=True) as connection:
        yield connection


def told(client: Client, name: str, **labels: str) -> float:
    return samples(client).get((name, tuple(sorted({"work": "renew", **labels}.items()))), 0.0)


def until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 3 * RENEWAL_SECONDS
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def marked(database: psycopg.Connection) -> int:
    row = database.execute("SELECT count(*) FROM stale_weeks").fetchone()
    assert row is not None
    return int(row[0])


def move(client: Client) -> None:
    assert client.send("POST", "/activities", EFFORT | {"user_id": USER, "team_id": TEAM}).status == 201


def metres(client: Client) -> int:
    body = client.get(f"/dashboards/{USER}").body
    assert isinstance(body, dict)
    return int(body["distance_m"])


def test_what_is_stale_is_renewed_by_itself_and_no_answer_changes(
    optimized: Client, database: psycopg.Connection
) -> None:
    before = optimized.get(BOARD).body
    done = told(optimized, "upkeep_runs_total", outcome="done")
    move(optimized)
    stale = optimized.get(BOARD).body
    assert stale != before
    until(lambda: marked(database) == 0)
    until(lambda: told(optimized, "upkeep_runs_total", outcome="done") > done)
    assert optimized.get(BOARD).body == stale
    assert optimized.get(BOARD.replace("100", "99")).body == stale  # not from the cache
    assert told(optimized, "upkeep_failures") == 0
    assert 0 <= told(optimized, "upkeep_age_seconds") < 2 * RENEWAL_SECONDS


def test_a_renewal_that_fails_is_counted_until_one_succeeds_and_answers_are_right(
    optimized: Client, database: psycopg.Connection
) -> None:
    unique = database.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'weekly_places_of_user'").fetchone()
    assert unique is not None
    database.execute("DROP INDEX weekly_places_of_user")
    failed = told(optimized, "upkeep_runs_total", outcome="failed")
    move(optimized)
    until(lambda: told(optimized, "upkeep_failures") > 0)
    assert told(optimized, "upkeep_runs_total", outcome="failed") > failed
    assert told(optimized, "upkeep_age_seconds") > 0
    assert marked(database) > 0
    shown = optimized.get(BOARD.replace("100", "98")).body
    before = metres(optimized)
    move(optimized)
    assert optimized.get(BOARD.replace("100", "98")).body != shown
    assert metres(optimized) == before + 1_000
    health = optimized.get("/health/database").body
    assert isinstance(health, dict)
    assert health["breakers"]["database"] == "closed"
    database.execute(unique[0])
    until(lambda: told(optimized, "upkeep_failures") == 0)
    assert marked(database) == 0
    assert not is_failure(ObjectNotInPrerequisiteState())


def test_a_mark_made_while_the_view_is_read_stays(postgres: Postgres, indexed: str) -> None:
    """The renewal waits for the view with what was marked first in its hands; meanwhile somebody writes."""
    url = postgres.create("activity_meanwhile", indexed)
    change = "UPDATE activities SET distance_m = distance_m + 1 WHERE id = %s"

    async def renewed() -> None:
        async with Pool(url, Metrics()) as pool:
            await renew(GuardedDatabase(pool, NoBreaker()), "weekly_places", "stale_weeks")

    with (
        psycopg.connect(url, autocommit=True) as database,
        psycopg.connect(url) as reading,
        ThreadPoolExecutor(1) as beside,
    ):
        database.execute(change, (1,))
        reading.execute("CREATE INDEX held ON weekly_places (ranked)")
        renewal = beside.submit(asyncio.run, renewed())
        until(lambda: database.execute(WAITING).fetchone() == (1,))
        database.execute(change, (1500,))
        reading.rollback()
        renewal.result()
        left = database.execute(
            "SELECT count(*), bool_and(week >= '2025-12-22') FROM stale_weeks"  # that of the last activity
        ).fetchone()
        assert left == (1, True)
        asyncio.run(renewed())
        assert marked(database) == 0


def test_only_a_service_that_keeps_something_in_its_database_renews_it() -> None:
    assert hasattr(find("activity").cached, "renew")
    assert not hasattr(find("recommendation").cached, "renew")
