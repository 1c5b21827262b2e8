"""How many statements an answer costs, and where it came from, as its headers say."""

import psycopg
import pytest

from tests.reference import running
from tests.reference.running import Answer, Client, Postgres, RedisServer

READS = [
    "/videos/6",
    "/creators/23?limit=7",
    "/creators/by-handle/rapid-theatre-23?limit=7",
    "/videos?limit=7",
    "/videos/popular?limit=7",
    "/videos/trending?limit=7",
    "/users/49/views?limit=7",
    "/videos/130/views?limit=7",
]


def test_baseline_costs_a_statement_for_each_thing(baseline: Client) -> None:
    *others, of_user, of_video = (baseline.get(path) for path in READS)
    assert [answer.queries for answer in others] == [3, 3 + 7, 3 + 7, 1 + 7, 1 + 7, 1 + 7]
    watched = {item["video_id"] for item in of_user.body["items"]}  # type: ignore[index] # a list's shape
    assert (of_user.queries, of_video.queries) == (1 + len(watched), 1 + 1)
    assert len(watched) > 3


@pytest.mark.parametrize("path", READS)
def test_optimized_costs_one_statement_cold_and_none_cached(optimized: Client, path: str) -> None:
    assert [(answer.cache, answer.queries) for answer in (optimized.get(path), optimized.get(path))] == [
        ("miss", 1),
        ("hit", 0),
    ]


def test_what_many_do_at_once_costs_one_statement(optimized: Client) -> None:
    assert [view(optimized, 6).queries, claim(optimized).queries] == [1, 1]


def test_any_write_that_shows_empties_the_cache_of_baseline(baseline: Client) -> None:
    assert [baseline.get(path).cache for path in READS for _ in range(2)][1::2] == ["hit"] * len(READS)
    view(baseline, 299)
    assert [baseline.get(path).cache for path in READS] == ["miss"] * len(READS)


ALL = [
    "/videos/130",
    "/videos/130/views",
    "/videos/160",
    "/videos?limit=5",
    "/videos/popular?limit=5",
    "/videos/popular?limit=13",
    "/videos/trending",
    "/creators/20",
    "/creators/22",
    "/users/49/views",
    "/users/81/views",
]


@pytest.mark.parametrize(
    ("method", "path", "body", "ended"),
    [
        # 130 is level with the 12th, and passes it.
        (
            *("POST", "/videos/130/views", {"user_id": 49, "seconds_watched": 1}),
            {"/videos/130", "/videos/130/views", "/videos/popular?limit=13", "/users/49/views"},
        ),
        # 160 is the first, and far above the last.
        ("POST", "/videos/160/views", {"user_id": 81, "seconds_watched": 1}, {"/videos/160", "/users/81/views"}),
        ("POST", "/videos", {"creator_id": 23, "title": "t", "description": "", "duration_seconds": 1}, set()),
        (
            *("PUT", "/videos/130", {"title": "t", "description": ""}),
            {"/videos/130", "/videos/130/views", "/videos/popular?limit=13", "/creators/20", "/users/49/views"},
        ),
        ("POST", "/videos/130/jobs", {"rendition": "2160p"}, {"/videos/130", "/creators/20"}),
        # A draft of creator 18, never seen.
        ("POST", "/videos/70/publish", None, {"/videos?limit=5", "/videos/trending"}),
        # Of creator 22, seen by user 49, but by fewer than the last of 13.
        (
            *("POST", "/videos/226/publish", None),
            {"/videos?limit=5", "/videos/trending", "/creators/22", "/users/49/views"},
        ),
    ],
)
def test_a_write_takes_from_optimized_only_what_it_touched(
    optimized: Client, method: str, path: str, body: object, ended: set[str]
) -> None:
    for read in ALL:
        optimized.get(read)
    assert optimized.send(method, path, body).status in {200, 201}
    assert {read for read in ALL if optimized.get(read).cache == "miss"} == ended


@pytest.mark.parametrize(
    ("views", "level", "limit", "place"),
    [
        (300, (81, 195), 20, 2),  # far above the last of the list
        (99, (205, 231), 11, 10),  # one enters by its hundredth view
    ],
)
def test_a_view_that_changes_the_order_of_popular_videos_is_noticed(
    optimized: Client, postgres: Postgres, views: int, level: tuple[int, int], limit: int, place: int
) -> None:
    above, below = level
    with psycopg.connect(postgres.url(f"optimized_{__name__}"), autocommit=True) as connection:
        connection.execute("UPDATE videos SET view_count = %s WHERE id IN (%s, %s)", (views, *level))
    path = f"/videos/popular?limit={limit}"
    assert listed(optimized.get(path))[place] == above
    view(optimized, below)
    assert listed(optimized.get(path))[place] == below


def test_the_hundred_most_viewed_are_cached_before_the_first_request(optimized: Client) -> None:
    assert optimized.get("/videos/104").cache == "hit"


def test_rebuild_requeues_what_was_left_and_caches_what_is_trending(
    optimized: Client, postgres: Postgres, redis_server: RedisServer
) -> None:
    url = postgres.url(f"optimized_{__name__}")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("""
            UPDATE transcoding_jobs SET status = 'running', worker = 'gone', started_at = '2025-12-30 23:00:00Z'
            WHERE video_id = 299 AND status = 'queued'
        """)
    assert statuses(optimized.get("/videos/299")) == {"finished", "running"}
    done = running.run("rebuild", "content_streaming", DATABASE_URL=url, REDIS_URL=redis_server.url(2))
    assert done.stdout == "content_streaming: rebuild done\n", done.stderr
    assert statuses(optimized.get("/videos/299")) == {"finished", "queued"}
    assert [optimized.get(f"/videos/trending?limit={limit}").cache for limit in (10, 20, 30)] == ["hit", "hit", "miss"]


def view(client: Client, video: int) -> Answer:
    return client.send("POST", f"/videos/{video}/views", {"user_id": 7777, "seconds_watched": 1})


def claim(client: Client) -> Answer:
    return client.send("POST", "/jobs/claim", {"worker": "w-1"})


def listed(answer: Answer) -> list[int]:
    return [item["id"] for item in answer.body["items"]]  # type: ignore[index] # a list's shape


def statuses(answer: Answer) -> set[str]:
    return {job["status"] for job in answer.body["jobs"]}  # type: ignore[index] # a video's shape
