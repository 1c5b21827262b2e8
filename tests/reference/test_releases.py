"""Any combination of steps is a release: it starts, answers as the baseline does, and does only what its steps say."""

from itertools import chain, combinations

import pytest

from reference_app.settings import Settings, Step
from tests.reference import running
from tests.reference.running import Client, Postgres, RedisServer

READS = ("/recommendations/13", "/content/50", "/contents?limit=3", "/users/13/interests", "/users/13/history")
CHANGE = {"title": "changed", "body": "", "tags": ["cars-local"]}
SOME = [(Step.QUERIES,), (Step.CACHE,), (Step.POOL, Step.BREAKER), (Step.QUERIES, Step.CACHE)]


def test_every_set_of_steps_can_be_named() -> None:
    urls = {"DATABASE_URL": "postgresql://x/y", "REDIS_URL": "redis://x/0"}
    for steps in chain.from_iterable(combinations(Step, n) for n in range(1, 5)):
        assert Settings.from_environment({**urls, "REFERENCE_RELEASE": ",".join(steps)}).steps == frozenset(steps)
    assert Settings.from_environment({**urls, "REFERENCE_RELEASE": "baseline"}).steps == frozenset()
    assert Settings.from_environment({**urls, "REFERENCE_RELEASE": "optimized"}).steps == frozenset(Step)
    assert Settings.from_environment(urls).steps == frozenset(Step)


@pytest.mark.parametrize("steps", SOME, ids=",".join)
def test_a_release_answers_alike_and_does_what_its_steps_say(
    steps: tuple[Step, ...], baseline: Client, postgres: Postgres, redis_server: RedisServer, indexed: str
) -> None:
    url = postgres.create(f"release_{'_'.join(steps)}", indexed)
    with running.service("recommendation", ",".join(steps), url, redis_server.url(4)) as client:
        expected = [baseline.get(path).body for path in READS]
        first, second = ([client.get(path) for path in READS] for _ in range(2))
        assert [answer.body for answer in first] == [answer.body for answer in second] == expected
        assert [answer.cache for answer in second] == ["hit"] * len(READS)
        assert (first[0].queries == 1) == (Step.QUERIES in steps)
        assert (first[1].cache == "hit") == (Step.CACHE in steps)  # warmed
        health = client.get("/health/database").body
        assert isinstance(health, dict)
        assert (health["pool"]["limit"] == 20) == (Step.POOL in steps)
        client.send("PUT", "/content/9", CHANGE)  # any write empties the generic cache
        assert (client.get("/content/50").cache == "hit") == (Step.CACHE in steps)


def test_refresh_and_rebuild_fill_the_cache_of_a_running_service(
    optimized: Client, postgres: Postgres, redis_server: RedisServer
) -> None:
    urls = {"DATABASE_URL": postgres.url(f"optimized_{__name__}"), "REDIS_URL": redis_server.url(2)}
    assert optimized.get("/content/60").cache == "hit"  # warmed at the start
    cache = redis_server.client(2)
    cache.delete("rec:content:60:full")
    interests = len(cache.keys("rec:user:*:interests"))
    for command in ("refresh", "rebuild"):
        done = running.run(command, "recommendation", **urls)
        assert (done.returncode, done.stdout) == (0, f"recommendation: {command} done\n"), done.stderr
    assert optimized.get("/content/60").cache == "hit"
    assert len(cache.keys("rec:user:*:interests")) > interests
    nowhere = running.run("refresh", "recommendation", **urls | {"REDIS_URL": "redis://127.0.0.1:1/0"})
    assert nowhere.returncode == 2
    assert "could not be done; is Redis running at REDIS_URL?" in nowhere.stderr
