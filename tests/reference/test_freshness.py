"""After an acknowledged write nobody is answered from before it: not by a race, not by an outage of the cache."""

import asyncio
import signal
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from reference_app.cache import ALWAYS, EVERYTHING, Cache, Loaded
from reference_app.metrics import Metrics
from reference_app.redis_client import redis_client
from reference_app.settings import Release
from tests.reference import running
from tests.reference.running import Client, Postgres, RedisServer

pytestmark = pytest.mark.e2e


class Source:
    """A value that loads slowly when told to: read first, handed over once ``release`` is set."""

    def __init__(self, cache: Cache, elsewhere: Cache) -> None:
        self.cache = cache
        self.elsewhere = elsewhere  # that of another process
        self.value = b"old"
        self.loads = 0
        self.read = asyncio.Event()
        self.release = asyncio.Event()
        self.release.set()

    async def fetch(self) -> bytes:
        return await self.cache.fetch("test:thing", 60, self.load)

    async def load(self) -> Loaded:
        self.loads += 1
        value = self.value
        self.read.set()
        await self.release.wait()
        return Loaded(value, {"thing": ALWAYS, "weighed": 5.0})

    async def write(self, value: bytes) -> None:
        self.value = value
        await self.elsewhere.invalidate({"thing": EVERYTHING})


@asynccontextmanager
async def source_on(redis_server: RedisServer) -> AsyncIterator[Source]:
    redis_server.client(7).flushdb()
    async with redis_client(redis_server.url(7)) as redis:
        source = Source(Cache(redis, "test", Metrics()), Cache(redis, "test", Metrics()))
        await source.cache.clear()  # as at the start of a service
        yield source


def check(redis_server: RedisServer, story: Callable[[Source], Awaitable[None]]) -> None:
    async def run() -> None:
        async with source_on(redis_server) as source:
            await story(source)

    asyncio.run(run())


def test_what_was_read_before_a_write_is_not_stored_after_it(redis_server: RedisServer) -> None:
    async def story(source: Source) -> None:
        source.release.clear()
        reader = asyncio.create_task(source.fetch())
        await source.read.wait()
        await source.write(b"new")
        source.release.set()
        assert await reader == b"old"  # it asked before the write
        assert await source.fetch() == b"new"
        assert await source.fetch() == b"new"
        assert source.loads == 2

    check(redis_server, story)


def test_who_asks_after_a_write_does_not_join_a_load_from_before_it(redis_server: RedisServer) -> None:
    async def story(source: Source) -> None:
        source.release.clear()
        before = asyncio.create_task(source.fetch())
        await source.read.wait()
        await source.write(b"new")
        source.read.clear()
        after = asyncio.create_task(source.fetch())
        await asyncio.wait_for(source.read.wait(), 5)
        source.release.set()
        assert (await before, await after) == (b"old", b"new")

    check(redis_server, story)


def test_what_was_read_before_everything_was_cleared_is_not_stored(redis_server: RedisServer) -> None:
    async def story(source: Source) -> None:
        source.release.clear()
        reader = asyncio.create_task(source.fetch())
        await source.read.wait()
        source.value = b"new"
        await source.cache.clear()
        source.release.set()
        await reader
        assert await source.fetch() == b"new"

    check(redis_server, story)


def test_an_invalidation_that_did_not_arrive_is_made_up_for(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(**_: object) -> None:
        raise RedisConnectionError

    async def story(source: Source) -> None:
        assert await source.fetch() == b"old"
        with monkeypatch.context() as broken:
            broken.setattr(source.cache, "_invalidate_script", lost)
            source.value = b"new"
            await source.cache.invalidate({"thing": EVERYTHING})
            assert await source.fetch() == b"new"  # while the cache pauses
        monkeypatch.setattr(source.cache, "_paused_until", 0.0)
        assert await source.fetch() == b"new"
        assert await source.fetch() == b"new"
        assert source.loads == 3

    check(redis_server, story)


def test_what_was_read_before_redis_lost_everything_is_not_stored(redis_server: RedisServer) -> None:
    async def story(source: Source) -> None:
        await source.write(b"old")
        source.release.clear()
        reader = asyncio.create_task(source.fetch())
        await source.read.wait()
        await source.write(b"new")
        redis_server.client(7).flushdb()
        source.release.set()
        await reader
        assert await source.fetch() == b"new"

    check(redis_server, story)


def test_a_crowd_that_asks_for_one_thing_costs_one_load(redis_server: RedisServer) -> None:
    async def story(source: Source) -> None:
        assert set(await asyncio.gather(*(source.fetch() for _ in range(50)))) == {b"old"}
        assert source.loads == 1

    check(redis_server, story)


def test_a_change_reaches_the_answers_whose_threshold_is_not_above_its_weight(redis_server: RedisServer) -> None:
    async def story(source: Source) -> None:
        await source.fetch()
        for weight, loads in ((4.9, 1), (5.0, 2), (6.0, 3)):
            await source.cache.invalidate({"weighed": weight})
            await source.fetch()
            assert source.loads == loads

    check(redis_server, story)


def test_no_stale_answer_while_many_read_and_write(optimized: Client) -> None:
    """Readers keep filling the cache while a writer checks, after each acknowledged write, all that shows it."""
    shown = optimized.get("/recommendations/13?limit=3").body
    assert isinstance(shown, dict)
    identity, done = shown["items"][1]["id"], threading.Event()
    paths = [f"/content/{identity}", "/recommendations/13?limit=3", "/recommendations/13?limit=5"]

    def read() -> None:
        while not done.is_set():
            for path in paths:
                optimized.get(path)

    readers = [threading.Thread(target=read) for _ in range(6)]
    for reader in readers:
        reader.start()
    try:
        for version in range(60):
            change = {"title": f"version {version}", "body": "", "tags": ["a"]}
            assert optimized.send("PUT", f"/content/{identity}", change).status == 200
            for path in paths:
                assert f"version {version}" in optimized.http.get(path).text, path
    finally:
        done.set()
        for reader in readers:
            reader.join()


@pytest.fixture
def alone(postgres: Postgres, indexed: str, tmp_path: Path) -> Iterator[tuple[Client, RedisServer]]:
    """A service with a Redis of its own, to be stopped."""
    url = postgres.create(f"outage_{tmp_path.name}", indexed)
    with (
        running.redis_server(tmp_path) as redis,
        running.service(Release.OPTIMIZED, url, redis.url()) as client,
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
    redis.process.wait(5)
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
