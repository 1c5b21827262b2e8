"""Days that are over: before they are counted each time, after they are kept in a view; the numbers are the same.

However old the view is: what it does not hold yet is counted. An event of today counts tomorrow.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import dict_row

from reference_app.breaker import NoBreaker
from reference_app.database import Row
from reference_app.fallback import without_fallback
from reference_app.metrics import Metrics
from reference_app.redis_client import redis_client
from reference_app.services.feed_filter import baseline as before
from reference_app.services.feed_filter import statements
from reference_app.services.feed_filter.caching import SPACE, CachedFeedFilter
from reference_app.services.feed_filter.entities import NewEvent
from reference_app.topic_cache import TopicCache
from tests.reference import running
from tests.reference.running import Client, Postgres, RedisServer

RECORD = "INSERT INTO analytics_events (user_id, kind, post, created_at) VALUES (%s, %s, 'p', %s)"
LATER = [
    (3, "post_shown", "2026-01-03T00:00:00Z"),
    (3, "post_filtered", "2026-01-03T23:59:59.999999Z"),
    (4, "post_shown", "2026-01-04T12:00:00Z"),
    (3, "post_expanded", "2026-01-04T12:00:00Z"),
]
DAYS = [date(2025, 10, 1), date(2025, 12, 24), date(2026, 1, 1), date(2026, 1, 3), date(2026, 1, 4), date(2030, 1, 1)]


def record(url: str, events: Sequence[tuple[object, ...]]) -> None:
    with psycopg.connect(url) as connection:
        connection.cursor().executemany(RECORD, events)


def differences(url: str) -> list[tuple[int | None, date, int]]:
    """Where the statements before and after count otherwise, by user, day that has come, and limit."""
    pairs = [
        (3, before._OF_USER, statements.STATISTICS),
        (50, before._OF_USER, statements.STATISTICS),
        (None, before._OF_ALL, statements.TOTALS),
    ]
    found = []
    with psycopg.connect(url, options="-c timezone=UTC", row_factory=dict_row) as connection:
        for user, counted, kept in pairs:
            for today in DAYS:
                for limit in (1, 4, 100):
                    values = {"user_id": user, "today": today, "limit": limit}
                    if connection.execute(counted, values).fetchall() != connection.execute(kept, values).fetchall():
                        found.append((user, today, limit))
    return found


def test_the_same_is_counted_whatever_the_view_holds(postgres: Postgres, indexed: str) -> None:
    url = postgres.create("feed_filter_days", indexed)
    assert differences(url) == []
    record(url, LATER)
    assert differences(url) == []  # it does not know of these days
    with psycopg.connect(url) as connection:
        connection.execute(statements.CLOSE_DAYS)
        assert connection.execute("SELECT max(day) FROM daily_stats").fetchone() == (date(2026, 1, 4),)
    assert differences(url) == []


def test_the_same_is_counted_while_the_view_holds_nothing(postgres: Postgres) -> None:
    url = postgres.create("feed_filter_no_days")
    running.here("migrate", "feed_filter", "head", DATABASE_URL=url)
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO users (email, name) SELECT n, n FROM generate_series(1, 4) n")
    record(url, LATER)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM daily_stats").fetchone() == (0,)
    assert differences(url) == []


def test_the_view_holds_whole_days_only(postgres: Postgres, indexed: str) -> None:
    url = postgres.create("feed_filter_today", indexed)
    record(url, [(3, "post_shown", datetime.now(UTC))])
    with psycopg.connect(url) as connection:
        connection.execute(statements.CLOSE_DAYS)
        assert connection.execute("SELECT max(day) FROM daily_stats").fetchone() == (date(2025, 12, 30),)


def test_releases_answer_alike_before_and_after_a_night(
    baseline: Client, optimized: Client, postgres: Postgres, redis_server: RedisServer
) -> None:
    url = postgres.url(f"optimized_{__name__}")

    def asked(limit: int) -> list[object]:
        paths = [f"/users/3/statistics?limit={limit}", f"/statistics?limit={limit}"]
        (one, other) = ([client.get(path).body for path in paths] for client in (baseline, optimized))
        assert one == other
        return one

    for database in (postgres.url(f"baseline_{__name__}"), url):
        record(database, [*LATER, (3, "post_shown", datetime.now(UTC))])
    of_user, of_all = asked(2)
    assert of_user == {
        "items": [
            {"day": "2026-01-04", "events": 1, "shown": 0, "filtered": 0},
            {"day": "2026-01-03", "events": 2, "shown": 1, "filtered": 1},
        ]
    }
    assert of_all["items"][0] == {"day": "2026-01-04", "events": 2, "shown": 1, "filtered": 0}  # type: ignore[index] # a list's shape
    with psycopg.connect(url) as reader:
        reader.execute("SELECT count(*) FROM daily_stats")  # who reads does not keep it from being refreshed
        done = running.run("rebuild", "feed_filter", DATABASE_URL=url, REDIS_URL=redis_server.url(2))
        assert done.stdout == "feed_filter: rebuild done\n", done.stderr
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT max(day) FROM daily_stats").fetchone() == (date(2026, 1, 4),)
    assert [optimized.get(f"/statistics?limit={limit}").cache for limit in (10, 30, 11)] == ["hit", "hit", "miss"]
    for limit in (2, 3, 10, 100):
        asked(limit)


class Late:
    """Records events with the moments that it is given, and counts how often it is asked for statistics."""

    def __init__(self, moments: Sequence[datetime]) -> None:
        self.moments = iter(moments)
        self.asked = 0

    async def record(self, event: NewEvent) -> Row:
        return {**event.model_dump(), "created_at": next(self.moments)}

    async def statistics(self, *_: object) -> Sequence[Row]:
        self.asked += 1
        return []


def test_an_event_that_midnight_overtook_ends_what_was_counted_without_it(redis_server: RedisServer) -> None:
    now = datetime.now(UTC)
    queries: Any = Late([now, now - timedelta(days=1), now])
    event = NewEvent(user_id=7, kind="post_shown", post="p")

    async def run() -> list[int]:
        loads = []
        async with redis_client(redis_server.url(6)) as redis:
            cache = TopicCache(redis, SPACE, Metrics(), NoBreaker())
            service = CachedFeedFilter(queries, cache, without_fallback)
            await cache.clear()
            for _ in range(3):
                for user in (7, 8, None):
                    await service.statistics(user, 10)
                await service.record(event)
                loads.append(queries.asked)
        return loads

    assert asyncio.run(run()) == [3, 3, 5]
