"""What was read before a write is neither stored nor handed out after it; one thing is loaded once."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from reference_app.breaker import NoBreaker
from reference_app.cache import ALWAYS, EVERYTHING, Cache, Loaded
from reference_app.metrics import Metrics
from reference_app.redis_client import redis_client
from reference_app.topic_cache import TopicCache
from tests.reference.running import RedisServer


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may take longer for an answer of Redis than a service waits for it."""
    monkeypatch.setattr("reference_app.redis_client.PATIENCE_SECONDS", 30)


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
        source = Source(*(TopicCache(redis, "test", Metrics(), NoBreaker()) for _ in range(2)))
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
            assert await source.fetch() == b"new"  # what is owed is still not there, so nobody looks
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


def test_a_crowd_that_asks_for_one_thing_costs_one_load(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(source: Source) -> None:
        look_up, looked_up = TopicCache._look_up, itertools.count(1)

        async def release_after_the_last(cache: TopicCache, key: str) -> tuple[bytes | None, str | None]:
            found = await look_up(cache, key)
            if next(looked_up) == 50:
                source.release.set()
            return found

        monkeypatch.setattr(TopicCache, "_look_up", release_after_the_last)
        source.release.clear()
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
