"""What is answered while the database does not answer."""

from concurrent.futures import ThreadPoolExecutor

import psycopg

from tests.reference.running import Client, Postgres


def test_the_busiest_keep_their_last_known_settings(optimized: Client, postgres: Postgres) -> None:
    url = postgres.url(f"optimized_{__name__}")
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT user_id FROM analytics_events ORDER BY id DESC LIMIT 1").fetchone()
    assert row is not None
    path, known = f"/users/{row[0]}/filter", optimized.get(f"/users/{row[0]}/filter").body
    added = optimized.send("POST", f"/users/{row[0]}/keywords", {"keyword": "new"})
    assert added.status == 201
    requests: list[tuple[str, str, object]] = [
        ("GET", path, None),
        ("GET", "/users/99999/filter", None),
        ("GET", "/users/1/events", None),
        ("POST", "/events", {"user_id": 1, "kind": "post_shown", "post": "p"}),
    ]
    with psycopg.connect(url) as other, ThreadPoolExecutor() as threads:
        other.execute("LOCK TABLE users, analytics_events")
        settings, *others = threads.map(lambda request: optimized.send(*request), requests)
    assert (settings.status, settings.fallback, settings.body) == (200, "popular", known)
    assert [answer.status for answer in others] == [503, 503, 503]
    assert (again := optimized.get(path)).fallback is None
    assert again.body["keywords"][-1] == added.body  # type: ignore[index] # the shape of settings
