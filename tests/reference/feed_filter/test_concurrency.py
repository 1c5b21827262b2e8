"""Fifty at once: nothing is lost, nothing is there twice, whichever releases write, and no answer is stale."""

from collections import Counter
from collections.abc import Callable

import psycopg
import pytest

from tests.reference import running
from tests.reference.running import Answer, Client, Postgres, RedisServer
from tests.reference.throng import MANY, at_once, reading


def statuses(send: Callable[[int], Answer]) -> dict[int, int]:
    """How often fifty at once were answered each status."""
    return dict(Counter(answer.status for answer in at_once(send)))


def add_keyword(client: Client, user: int, keyword: str) -> Answer:
    return client.insist("POST", f"/users/{user}/keywords", {"keyword": keyword})


def configure(client: Client, user: int, confidence: int) -> Answer:
    body = {"strictness": "strict", "least_confidence": confidence, "hides_promotions": True}
    return client.insist("PUT", f"/users/{user}/configuration", body)


def classify(client: Client, key: str, confidence: int) -> Answer:
    body = {"label": "bait", "confidence": confidence, "model": f"model-{confidence}"}
    return client.insist("PUT", f"/classifications/{key}", body)


@pytest.fixture
def database(either: Client, request: pytest.FixtureRequest, postgres: Postgres) -> str:
    release = "baseline" if either is request.getfixturevalue("baseline") else "optimized"
    return postgres.url(f"{release}_{__name__}")


def counted(url: str, what: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(f"SELECT count(*) FROM {what}").fetchone()
    assert row is not None
    return row[0]


def test_a_keyword_is_added_once(either: Client, database: str) -> None:
    assert statuses(lambda _: add_keyword(either, 5, "once")) == {201: 1, 409: MANY - 1}
    assert counted(database, "keywords WHERE user_id = 5 AND keyword = 'once'") == 1


def test_a_user_has_one_configuration(either: Client, database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("DELETE FROM filter_configurations WHERE user_id = 6")
    assert statuses(lambda number: configure(either, 6, number)) == {200: MANY}
    assert counted(database, "filter_configurations WHERE user_id = 6") == 1


def test_a_post_has_one_classification_and_it_is_whole(either: Client, database: str) -> None:
    assert statuses(lambda number: classify(either, "new-post", number)) == {200: MANY}
    assert counted(database, "classifications WHERE key = 'new-post'") == 1
    kept = either.get("/classifications/new-post").body
    assert isinstance(kept, dict)
    assert kept["model"] == f"model-{kept['confidence']}"


def test_no_event_is_lost(either: Client) -> None:
    event = {"user_id": 7, "kind": "post_shown", "post": "counted"}
    assert statuses(lambda _: either.insist("POST", "/events", event)) == {201: MANY}
    body = either.get("/users/7/events?limit=100").body
    assert isinstance(body, dict)
    assert [item["post"] for item in body["items"]].count("counted") == MANY


def test_pages_neither_repeat_nor_leave_out(either: Client) -> None:
    """Although events are recorded meanwhile."""
    whole = items(either, "/users/1/events?limit=30")
    paged: list[dict[str, object]] = []
    while len(paged) < len(whole):
        below = f"&before={paged[-1]['id']}" if paged else ""
        paged += items(either, f"/users/1/events?limit=7{below}")
        either.send("POST", "/events", {"user_id": 1, "kind": "post_shown", "post": "meanwhile"})
    assert paged[: len(whole)] == whole


def test_users_are_paged_by_their_ids(either: Client) -> None:
    first = items(either, "/users?limit=4")
    assert [user["id"] for user in first + items(either, "/users?limit=3&after=4")] == [1, 2, 3, 4, 5, 6, 7]


def test_two_releases_side_by_side_write_once(optimized: Client, postgres: Postgres, redis_server: RedisServer) -> None:
    """As while one replaces the other: that before takes locks, that after none."""
    url = postgres.url(f"optimized_{__name__}")
    with (
        running.service("feed_filter", "baseline", url, redis_server.url(3)) as baseline,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        clients = (baseline, optimized)
        connection.execute("DELETE FROM filter_configurations WHERE user_id = 9")
        for turn in range(3):
            answered = statuses(lambda number, turn=turn: add_keyword(clients[number % 2], 9, f"beside-{turn}"))  # type: ignore[misc] # bound at once
            assert answered == {201: 1, 409: MANY - 1}
        assert statuses(lambda number: configure(clients[number % 2], 9, number)) == {200: MANY}
        assert statuses(lambda number: classify(clients[number % 2], "beside", number)) == {200: MANY}


def test_no_stale_answer_while_many_read_and_write(optimized: Client) -> None:
    """Readers keep filling the cache while a writer checks, after each acknowledged write, all that shows it."""
    paths = ["/users/11/filter", "/users/by-email/user11@example.com/filter", "/users/11/keywords", "/users?limit=20"]

    def read() -> None:
        for path in [*paths, "/users/11/configuration", "/classifications/fresh"]:
            optimized.get(path)

    with reading(read):
        for version in range(30):
            added = add_keyword(optimized, 11, f"version {version}").body
            assert isinstance(added, dict)
            for path in paths:
                assert f'"version {version}"' in optimized.http.get(path).text, path
            assert optimized.send("DELETE", f"/users/11/keywords/{added['id']}").status == 200
            for path in paths:
                assert f'"version {version}"' not in optimized.http.get(path).text, path
            configure(optimized, 11, version)
            for path in (paths[0], "/users/11/configuration"):
                assert f'"least_confidence":{version},' in optimized.http.get(path).text.replace("}", ","), path
            classify(optimized, "fresh", version)
            assert f'"confidence":{version},' in optimized.http.get("/classifications/fresh").text


def items(client: Client, path: str) -> list[dict[str, object]]:
    body = client.get(path).body
    assert isinstance(body, dict)
    found: list[dict[str, object]] = body["items"]
    return found
