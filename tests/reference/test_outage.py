"""The database goes away under load: fallbacks answer, the breaker opens, and normal answers return by themselves."""

import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import psutil
import psycopg
import pytest

from tests.reference import running
from tests.reference.running import Answer, Client, Postgres, RedisServer

OPEN_SECONDS = 1.0
READS = ["/recommendations/13", "/content/3", "/contents?limit=7"]


class Own(NamedTuple):
    folder: Path
    port: int


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Own:
    """A cluster to be stopped, migrated and seeded, and its port."""
    folder = tmp_path_factory.mktemp("outage")
    with running.postgres(folder) as server:
        url = server.create("recommendation")
        for command in (("migrate", "recommendation", "head"), ("seed", "recommendation", "--scale", "0.01")):
            running.here(*command, DATABASE_URL=url)
    return Own(folder, server.port)


@pytest.fixture
def database(own: Own) -> Iterator[Postgres]:
    with running.postgres(*own) as server:
        yield server


@pytest.fixture
def client(database: Postgres, redis_server: RedisServer) -> Iterator[Client]:
    url = database.url("recommendation")
    environment = {"REFERENCE_BREAKER_SECONDS": str(OPEN_SECONDS)}
    with running.service("recommendation", "optimized", url, redis_server.url(3), **environment) as client:
        yield client


def breaker(client: Client) -> object:
    body = client.get("/health/database").body
    assert isinstance(body, dict)
    return body["breakers"]["database"]


def view(client: Client) -> Answer:
    return client.send("POST", "/interactions", {"user_id": 13, "content_id": 3, "kind": "view"})


def until_normal(client: Client, seconds: float) -> float:
    """Seconds until a write succeeds and no read needs its fallback."""
    started = time.monotonic()
    while view(client).status != 201 or any(client.get(path).fallback for path in READS):
        assert time.monotonic() < started + seconds
        time.sleep(0.05)
    return time.monotonic() - started


def test_a_database_that_goes_away_and_comes_back(client: Client, database: Postgres, own: Own) -> None:
    assert breaker(client) == "closed"
    database.process.send_signal(signal.SIGQUIT)  # at once, without a word to its clients
    database.process.wait(60)
    with ThreadPoolExecutor(5) as crowd:
        failed = [crowd.submit(view, client) for _ in range(5)]
        assert {answer.result().status for answer in failed} == {503}
    refused = view(client)
    assert refused.status == 503
    assert refused.refusal[0] == "circuit_open"
    reads = [client.get(path) for path in READS]
    assert [answer.status for answer in reads] == [200, 200, 200]
    assert "popular" in {answer.fallback for answer in reads}  # what the cache held is no fallback
    assert {client.get(f"/recommendations/{user}").fallback for user in range(20, 30)} == {"popular"}
    with running.postgres(*own):
        assert until_normal(client, 15) < 15
        assert breaker(client) == "closed"


def test_a_database_that_hangs_is_not_waited_for(client: Client, database: Postgres) -> None:
    server = psutil.Process(database.process.pid)
    everything = [server, *server.children(recursive=True)]
    for process in everything:
        process.suspend()
    try:
        answers: list[tuple[float, Answer]] = []

        def ask(user: int) -> None:
            asker = Client(str(client.http.base_url), client.process)
            with asker.http:
                started = time.monotonic()
                answer = asker.get(f"/recommendations/{user}")
                answers.append((time.monotonic() - started, answer))

        crowd = [threading.Thread(target=ask, args=(user,)) for user in range(30, 70)]
        for one in crowd:
            one.start()
        for one in crowd:
            one.join()
        assert {(answer.status, answer.fallback) for _, answer in answers} == {(200, "popular")}
        assert max(seconds for seconds, _ in answers) < 6
        started = time.monotonic()
        assert client.get("/recommendations/71").fallback == "popular"
        assert time.monotonic() - started < 2.6  # at most one try of a half-open breaker
    finally:
        for process in everything:
            process.resume()
    assert until_normal(client, 15) < 15


def test_what_was_acknowledged_is_there_after_an_outage(client: Client, database: Postgres, own: Own) -> None:
    """A write is acknowledged once it is committed: an outage in the middle of many loses none."""
    acknowledged: list[int] = []
    done = threading.Event()

    def write() -> None:
        while not done.is_set():
            answer = view(client)
            if answer.status == 201:
                acknowledged.append(answer.body["id"])  # type: ignore[index] # an interaction
            else:
                time.sleep(0.02)

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    time.sleep(0.3)
    database.process.send_signal(signal.SIGQUIT)
    database.process.wait(60)
    time.sleep(0.2)
    with running.postgres(*own) as back:
        until_normal(client, 15)
        done.set()
        for writer in writers:
            writer.join()
        with psycopg.connect(back.url("recommendation")) as connection:
            rows = connection.execute("SELECT id FROM user_interactions WHERE id = ANY (%s)", (acknowledged,))
            assert {identity for (identity,) in rows} == set(acknowledged)
        assert len(acknowledged) > 10
