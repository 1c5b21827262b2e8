"""The generated data: consistent in itself, skewed as in life."""

import psycopg
import pytest

from reference_app.seeds import feed_filter as seed
from tests.reference import running
from tests.reference.running import Postgres


def test_scale_one_is_as_large_as_promised() -> None:
    rows = {table.name: len(table.columns["id"]) for table in seed.generate(1)}
    assert 24_000 <= rows.pop("keywords") <= 26_000
    assert 4_400 <= rows.pop("filter_configurations") <= 4_600
    assert rows == {"users": 5_000, "analytics_events": 500_000, "classifications": 100_000}


@pytest.mark.parametrize(
    "contradiction",
    [
        "(SELECT FROM users GROUP BY email HAVING count(*) > 1) twice",
        "(SELECT FROM keywords GROUP BY user_id, keyword HAVING count(*) > 1) twice",
        "(SELECT FROM filter_configurations GROUP BY user_id HAVING count(*) > 1) twice",
        "(SELECT FROM classifications GROUP BY key HAVING count(*) > 1) twice",
        "analytics_events LEFT JOIN classifications ON key = post WHERE key IS NULL OR classified_at > created_at",
        "analytics_events JOIN users ON users.id = user_id WHERE analytics_events.created_at < users.created_at",
        "keywords JOIN users ON users.id = user_id WHERE keywords.created_at < users.created_at",
        "filter_configurations JOIN users ON users.id = user_id WHERE updated_at < created_at",
        "analytics_events a JOIN analytics_events b ON a.id + 1 = b.id WHERE a.created_at > b.created_at",
        "classifications a JOIN classifications b ON a.id + 1 = b.id WHERE a.classified_at > b.classified_at",
        "analytics_events WHERE created_at >= '2026-01-01 00:00Z' OR created_at < '2025-10-03 00:00Z'",
    ],
)
def test_nothing_contradicts(postgres: Postgres, seeded: str, contradiction: str) -> None:
    with psycopg.connect(postgres.url(seeded)) as connection:
        assert connection.execute(f"SELECT count(*) FROM {contradiction}").fetchone() == (0,)


def test_few_posts_have_most_of_the_events(postgres: Postgres, seeded: str) -> None:
    with psycopg.connect(postgres.url(seeded)) as connection:
        statement = "SELECT count(*) FROM analytics_events GROUP BY post ORDER BY 1 DESC"
        events = [row[0] for row in connection.execute(statement)]
    assert sum(events[:100]) > 0.5 * sum(events)  # a tenth of them


def test_days_are_far_fewer_than_events(postgres: Postgres, indexed: str) -> None:
    with psycopg.connect(postgres.url(indexed)) as connection:
        row = connection.execute("SELECT count(*), sum(events) FROM daily_stats").fetchone()
    assert row is not None
    assert row[1] == 5_000
    assert row[0] < 500


def test_data_that_comes_after_the_migration_are_in_the_view(postgres: Postgres) -> None:
    url = postgres.create("feed_filter_prepared")
    running.here("prepare", "feed_filter", "head", "--scale", "0.01", DATABASE_URL=url)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT sum(events) FROM daily_stats").fetchone() == (5_000,)
