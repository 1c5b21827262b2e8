"""After an acknowledged write nobody is answered from before it: not by a race, not by an outage of the cache."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reference import running
from tests.reference.running import Client, Postgres, RedisServer
from tests.reference.throng import reading


def test_no_stale_answer_while_many_read_and_write(optimized: Client) -> None:
    """Readers keep filling the cache while a writer checks, after each acknowledged write, all that shows it."""
    shown = optimized.get("/recommendations/13?limit=3").body
    assert isinstance(shown, dict)
    identity = shown["items"][1]["id"]
    paths = [f"/content/{identity}", "/recommendations/13?limit=3", "/recommendations/13?limit=5"]

    def read() -> None:
        for path in paths:
            optimized.get(path)

    with reading(read):
        for version in range(60):
            change = {"title": f"version {version}", "body": "", "tags": ["a"]}
            assert optimized.send("PUT", f"/content/{identity}", change).status == 200
            for path in paths:
                assert f"version {version}" in optimized.http.get(path).text, path


@pytest.fixture
def alone(postgres: Postgres, indexed: str, tmp_path: Path) -> Iterator[tuple[Client, RedisServer]]:
    """A service with a Redis of its own, to be stopped."""
    url = postgres.create(f"outage_{tmp_path.name}", indexed)
    with (
        running.redis_server(tmp_path) as redis,
        running.service("recommendation", "optimized", url, redis.url(), REFERENCE_BREAKER_SECONDS="0.5") as client,
    ):
        yield client, redis


def test_a_cache_that_hangs_makes_answers_slower_and_never_wrong(alone: tuple[Client, RedisServer]) -> None:
    client, redis = alone
    assert client.get("/content/3").cache in {"hit", "miss"}
    redis.process.send_signal(signal.SIGSTOP)
    rename(client, "while it hung")
    assert client.get("/content/3").cache == "bypass"
    assert title(client) == "while it hung"
    redis.process.send_signal(signal.SIGCONT)
    until_cached(client)
    assert title(client) == "while it hung"


def test_a_cache_that_is_gone_makes_answers_slower_and_never_wrong(
    alone: tuple[Client, RedisServer], tmp_path: Path
) -> None:
    client, redis = alone
    redis.process.terminate()
    redis.process.wait(60)
    rename(client, "while it was gone")
    assert title(client) == "while it was gone"
    assert client.get("/recommendations/13").cache == "bypass"
    with running.redis_server(tmp_path, redis.port):
        until_cached(client)
        assert title(client) == "while it was gone"


def rename(client: Client, new: str) -> None:
    assert client.send("PUT", "/content/3", {"title": new, "body": "", "tags": []}).status == 200


def title(client: Client) -> object:
    body = client.get("/content/3").body
    assert isinstance(body, dict)
    return body["title"]


def until_cached(client: Client) -> None:
    deadline = time.monotonic() + 5
    while client.get("/content/3").cache != "hit":
        assert time.monotonic() < deadline
        time.sleep(0.05)
