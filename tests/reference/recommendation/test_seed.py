"""The generated data: consistent in itself, skewed as in life."""

import psycopg

from reference_app.seeds import recommendation as seed
from tests.reference import running
from tests.reference.running import Postgres


def test_scale_one_is_as_large_as_promised() -> None:
    rows = {table.name: len(table.columns["id"]) for table in seed.generate(1)}
    assert rows["content_tags"] >= 50_000
    assert 2 <= rows.pop("user_interests") / rows["users"] <= 6
    rows.pop("content_tags")
    assert rows == {"users": 20_000, "contents": 10_000, "user_interactions": 1_000_000}


def test_counters_are_the_interactions(postgres: Postgres, seeded: str) -> None:
    with psycopg.connect(postgres.url(seeded)) as connection:
        row = connection.execute("""
            SELECT count(*), count(*) FILTER (WHERE counted = (view_count, like_count, share_count))
            FROM contents, LATERAL (
                SELECT row(
                    count(*) FILTER (WHERE kind = 'view'),
                    count(*) FILTER (WHERE kind = 'like'),
                    count(*) FILTER (WHERE kind = 'share')
                ) AS counted
                FROM user_interactions WHERE content_id = contents.id
            ) interactions
        """).fetchone()
    assert row == (100, 100)


def test_few_contents_have_most_of_the_views(postgres: Postgres, seeded: str) -> None:
    with psycopg.connect(postgres.url(seeded)) as connection:
        views = [row[0] for row in connection.execute("SELECT view_count FROM contents ORDER BY 1 DESC")]
    assert sum(views[:10]) > 0.4 * sum(views)


def test_a_filled_table_is_refused(postgres: Postgres, seeded: str) -> None:
    done = running.run("seed", "recommendation", DATABASE_URL=postgres.url(seeded))
    assert done.returncode == 2
    assert done.stderr.startswith("error: table users is not empty; start over with")
