"""The generated data: consistent in itself, skewed as in life."""

import psycopg
import pytest

from reference_app.seeds import content_streaming as seed
from tests.reference.running import Postgres


def test_scale_one_is_as_large_as_promised() -> None:
    rows = {table.name: len(table.columns["id"]) for table in seed.generate(1)}
    assert 105_000 <= rows.pop("transcoding_jobs") <= 115_000
    assert rows == {"creators": 3_000, "videos": 30_000, "video_views": 700_000}


@pytest.mark.parametrize(
    "contradiction",
    [
        "videos WHERE view_count <> (SELECT count(*) FROM video_views WHERE video_id = videos.id)",
        "videos WHERE (status IN ('published', 'withdrawn')) <> (published_at IS NOT NULL)",
        "videos WHERE NOT (created_at <= published_at AND published_at <= '2026-01-01')",
        """videos WHERE published_at IS NOT NULL AND NOT EXISTS (
            SELECT FROM transcoding_jobs WHERE video_id = videos.id AND finished_at <= published_at)""",
        "video_views JOIN videos ON videos.id = video_id WHERE video_views.created_at < published_at",
        "video_views JOIN videos ON videos.id = video_id WHERE seconds_watched > duration_seconds",
        "transcoding_jobs WHERE NOT (created_at <= started_at AND started_at <= coalesce(finished_at, '2026-01-01'))",
        "transcoding_jobs WHERE (status = 'queued') <> (worker IS NULL) OR (status = 'queued') <> (attempts = 0)",
        "transcoding_jobs WHERE (status IN ('finished', 'failed')) <> (finished_at IS NOT NULL)",
    ],
)
def test_nothing_contradicts(postgres: Postgres, seeded: str, contradiction: str) -> None:
    with psycopg.connect(postgres.url(seeded)) as connection:
        assert connection.execute(f"SELECT count(*) FROM {contradiction}").fetchone() == (0,)


def test_few_videos_have_most_of_the_views(postgres: Postgres, seeded: str) -> None:
    with psycopg.connect(postgres.url(seeded)) as connection:
        views = [row[0] for row in connection.execute("SELECT view_count FROM videos ORDER BY 1 DESC")]
    assert sum(views[:30]) > 0.5 * sum(views)
