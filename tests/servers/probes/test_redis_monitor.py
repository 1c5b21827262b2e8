"""The lookups of a real Redis server by key pattern."""

from collections.abc import Iterator
from functools import partial

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from harness.environment.processes import ManagedProcesses
from harness.environment.servers import Redis
from harness.probes.access import Cache
from harness.probes.redis_monitor import KeyMonitor
from harness.record.cache_keys import KeyUse


@pytest.fixture(scope="module")
def cache_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    folder = tmp_path_factory.mktemp("redis")
    processes = ManagedProcesses(folder)
    made = Redis(processes, folder, folder / "redis.log")
    try:
        made.start()
        yield made
    finally:
        processes.close()


def test_what_is_asked_is_seen_with_all_that_a_key_may_hold(cache_server: Redis) -> None:
    connect = partial(redis.Redis.from_url, cache_server.url())
    with connect() as client:
        client.flushall()
        client.set("kept:1", "before anybody watched")
        with KeyMonitor([Cache("redis", connect)]) as watch:
            client.get("kept:1")
            client.get('odd "key" \\ 2:1')
            client.set('odd "key" \\ 2:1', 'a "value" with GET in it')
            client.get('odd "key" \\ 2:1')
            client.mget(["kept:1", "kept:2"])
            client.info("stats")
    found = {use.pattern: (use.reads, use.misses) for use in watch.uses()}
    assert found.pop("kept:*") == (3, 1)
    assert list(found.values()) == [(2, 1)]


def test_a_server_that_is_not_watched_ends_nothing(cache_server: Redis) -> None:
    def nowhere() -> redis.Redis:
        return redis.Redis(port=1, retry=Retry(NoBackoff(), 0))

    with KeyMonitor([Cache("redis", nowhere)]) as watch:
        pass
    assert watch.uses() == ()
    with cache_connection(cache_server) as client:
        client.execute_command("ACL", "SETUSER", "weak", "on", ">weak", "~*", "+get", "+info")
    weak = partial(redis.Redis, port=cache_server.port, username="weak", password="weak")
    with KeyMonitor([Cache("redis", weak)]) as watch, weak() as client:
        client.get("a")
    assert watch.uses() in ((), (KeyUse("a", 1, 1),))


def cache_connection(server: Redis) -> redis.Redis:
    return redis.Redis.from_url(server.url())
