"""Fifty at once: nothing is lost, nothing happens twice, nobody is refused for another's sake, no answer is stale."""

import threading
from collections import Counter

import psycopg
import pytest

from tests.reference.running import Answer, Client, Postgres
from tests.reference.throng import MANY, at_once


def watch(client: Client, video: int, user: int) -> Answer:
    return client.insist("POST", f"/videos/{video}/views", {"user_id": user, "seconds_watched": 1})


def statuses(answers: list[Answer]) -> dict[int, int]:
    return dict(Counter(answer.status for answer in answers))


def shown(client: Client, path: str, name: str) -> object:
    answer = client.get(path)
    assert isinstance(answer.body, dict)
    return answer.body[name]


@pytest.fixture
def database(either: Client, request: pytest.FixtureRequest, postgres: Postgres) -> str:
    release = "baseline" if either is request.getfixturevalue("baseline") else "optimized"
    return postgres.url(f"{release}_{__name__}")


def test_the_counter_is_the_recorded_views(either: Client, database: str) -> None:
    before = shown(either, "/videos/130", "view_count")
    popular = "/videos/popular?limit=30"
    either.get(popular)
    answers = at_once(lambda number: watch(either, (130, 115, 254)[number % 3], 1000 + number))
    assert statuses(answers) == {201: MANY}
    assert shown(either, "/videos/130", "view_count") == before + 17  # type: ignore[operator] # a number
    items = shown(either, popular, "items")
    with psycopg.connect(database) as connection:
        wrong = connection.execute("""
            SELECT id FROM videos WHERE view_count <> (SELECT count(*) FROM video_views WHERE video_id = videos.id)
        """).fetchall()
        best = connection.execute("""
            SELECT id FROM videos WHERE status = 'published' ORDER BY view_count DESC, id LIMIT 30
        """).fetchall()
    assert wrong == []
    assert [item["id"] for item in items] == [row[0] for row in best]  # type: ignore[attr-defined] # a list's shape


def test_a_rendition_is_asked_for_once(either: Client) -> None:
    answers = at_once(lambda _: either.insist("POST", "/videos/6/jobs", {"rendition": "720p"}))
    assert statuses(answers) == {201: 1, 409: MANY - 1}
    assert len(shown(either, "/videos/6", "jobs")) == 1  # type: ignore[arg-type] # a list


def test_every_worker_gets_a_job_of_its_own(either: Client, database: str) -> None:
    for video in range(160, 190):
        either.send("POST", f"/videos/{video}/jobs", {"rendition": "240p"})
    with psycopg.connect(database) as connection:
        waiting = connection.execute("""
            SELECT id FROM transcoding_jobs WHERE status = 'queued' ORDER BY created_at, id
        """).fetchall()
    answers = at_once(lambda number: either.insist("POST", "/jobs/claim", {"worker": f"w-{number}"}))
    assert statuses(answers) == {200: MANY}
    jobs = [answer.body for answer in answers]
    assert sorted(job["id"] for job in jobs) == sorted(row[0] for row in waiting[:MANY])  # type: ignore[index] # a job's shape
    assert [(job["worker"], job["status"]) for job in jobs] == [(f"w-{number}", "running") for number in range(MANY)]  # type: ignore[index] # the same


def test_a_job_ends_once(either: Client) -> None:
    either.send("POST", "/videos/191/jobs", {"rendition": "240p"})
    claimed = either.send("POST", "/jobs/claim", {"worker": "w-1"}).body
    assert isinstance(claimed, dict)
    answers = at_once(
        lambda number: either.insist(
            "POST", f"/jobs/{claimed['id']}/finish", {"status": ("finished", "failed")[number % 2]}
        )
    )
    assert statuses(answers) == {200: 1, 409: MANY - 1}


def test_views_names_and_jobs_of_one_video_do_not_block_each_other(either: Client) -> None:
    def act(number: int) -> Answer:
        change = {"title": f"version {number}", "description": ""}
        return [
            lambda: watch(either, 195, number + 1),
            lambda: either.insist("PUT", "/videos/195", change),
            lambda: either.insist("POST", "/videos/195/publish"),
            lambda: either.insist("POST", "/videos/195/jobs", {"rendition": "2160p"}),
        ][number % 4]()

    assert statuses(at_once(act)) == {200: 25, 201: 13 + 1, 409: 11}


def test_no_stale_answer_while_many_read_and_write(optimized: Client) -> None:
    """Readers keep filling the cache while two writers check, after each acknowledged write, all that shows it."""
    done, newcomer = threading.Event(), 9999
    paths = ["/videos/163", "/videos/popular", "/videos/163/views", "/creators/8?limit=100", f"/users/{newcomer}/views"]

    def read() -> None:
        while not done.is_set():
            for path in paths:
                optimized.get(path)

    def watch_others() -> None:
        while not done.is_set():
            watch(optimized, 158, 98)
            watch(optimized, 266, 98)

    others = [threading.Thread(target=work) for work in (read, read, read, read, watch_others)]
    for thread in others:
        thread.start()
    try:
        for version in range(30):
            before = shown(optimized, "/videos/163", "view_count")
            assert watch(optimized, 163, newcomer).status == 201
            assert shown(optimized, "/videos/163", "view_count") == before + 1  # type: ignore[operator] # a number
            assert len(shown(optimized, f"/users/{newcomer}/views?limit=100", "items")) == version + 1  # type: ignore[arg-type] # a list
            title = {"title": f"version {version}", "description": ""}
            assert optimized.send("PUT", "/videos/163", title).status == 200
            for path in paths[:3]:
                assert path == "/videos/163/views" or f"version {version}" in optimized.http.get(path).text, path
    finally:
        done.set()
        for thread in others:
            thread.join()
