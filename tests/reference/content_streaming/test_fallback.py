"""What is answered while the database does not answer."""

from concurrent.futures import ThreadPoolExecutor

import psycopg

from tests.reference.running import Client, Postgres


def test_popular_videos_stand_in_for_lists_and_for_themselves(optimized: Client, postgres: Postgres) -> None:
    popular = optimized.get("/videos/popular?limit=5").body
    assert optimized.send("PUT", "/videos/160", {"title": "new", "description": ""}).status == 200
    requests: list[tuple[str, str, object]] = [
        ("GET", path, None) for path in ("/videos?limit=5", "/videos/160", "/creators/1")
    ]
    requests.append(("POST", "/videos/160/views", {"user_id": 1, "seconds_watched": 1}))
    with psycopg.connect(postgres.url(f"optimized_{__name__}")) as other, ThreadPoolExecutor() as threads:
        other.execute("LOCK TABLE videos")
        shelf, video, creator, written = threads.map(lambda request: optimized.send(*request), requests)
    assert (shelf.status, shelf.fallback, shelf.body) == (200, "popular", popular)
    assert (video.status, video.fallback) == (200, "popular")
    assert [answer.status for answer in (creator, written)] == [503, 503]
    assert (again := optimized.get("/videos/160")).fallback is None
    assert again.body["title"] == "new"  # type: ignore[index] # a video's shape
