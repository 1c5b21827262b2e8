"""How many statements an answer costs, where it came from, and what a write takes from the cache."""

import hashlib

import psycopg
import pytest

from tests.reference.costs import costs_one_statement_and_none_cached
from tests.reference.running import Client, Postgres, RedisServer

KEY, OTHER_KEY = (hashlib.sha256(f"post {number}".encode()).hexdigest()[:32] for number in (1, 2))
CONFIGURATION = {"strictness": "strict", "least_confidence": 80, "hides_promotions": True}
CLASSIFICATION = {"label": "bait", "confidence": 80, "model": "small-3"}
EVENT = {"user_id": 3, "kind": "post_shown", "post": KEY}
EVENTS = "/users/3/events?limit=7"
MET_MOST = """
    SELECT mode() WITHIN GROUP (ORDER BY user_id), mode() WITHIN GROUP (ORDER BY post)
    FROM (SELECT user_id, post FROM analytics_events ORDER BY id DESC LIMIT 1000) latest
"""
COSTS = {
    "/users?limit=7": 1 + 7,
    "/users/3/filter": 3,
    "/users/by-email/user3@example.com/filter": 3,
    "/users/3/keywords": 1,
    "/users/3/configuration": 1,
    "/users/3/statistics": 1,
    "/statistics": 1,
    f"/classifications/{KEY}": 1,
}


def test_what_was_met_of_late_is_cached_before_the_first_request(optimized: Client, postgres: Postgres) -> None:
    """First in this module: others empty the cache."""
    with psycopg.connect(postgres.url(f"optimized_{__name__}")) as connection:
        user, post = connection.execute(MET_MOST).fetchone() or (0, "")
    assert [optimized.get(path).cache for path in (f"/users/{user}/filter", f"/classifications/{post}")] == ["hit"] * 2


def test_baseline_costs_a_statement_for_each_thing(baseline: Client) -> None:
    assert {path: baseline.get(path).queries for path in COSTS} == COSTS


@pytest.mark.parametrize("path", COSTS)
def test_optimized_costs_one_statement_cold_and_none_cached(
    optimized: Client, redis_server: RedisServer, path: str
) -> None:
    costs_one_statement_and_none_cached(optimized, redis_server, path)


def test_events_are_read_from_the_database(baseline: Client, optimized: Client) -> None:
    for client in (baseline, optimized):
        answers = [client.get(path) for path in (EVENTS, EVENTS, f"{EVENTS}&before=4000")]
        assert [(answer.cache, answer.queries) for answer in answers] == [("bypass", 1)] * 3
        assert [len(answer.body["items"]) for answer in answers] == [7, 7, 7]  # type: ignore[index] # a list's shape


def test_a_write_costs_one_statement_and_what_it_refuses_those_of_before(baseline: Client, optimized: Client) -> None:
    def costs(client: Client) -> list[int]:
        added = client.send("POST", "/users/3/keywords", {"keyword": "new"})
        return [
            added.queries,
            client.send("POST", "/users/3/keywords", {"keyword": "new"}).queries,
            client.send("DELETE", f"/users/3/keywords/{added.body['id']}").queries,  # type: ignore[index] # a keyword's shape
            client.send("PUT", "/users/3/configuration", CONFIGURATION).queries,
            client.send("PUT", f"/classifications/{KEY}", CLASSIFICATION).queries,
            client.send("PUT", "/classifications/brand-new", CLASSIFICATION).queries,
            client.send("POST", "/events", EVENT).queries,
        ]

    assert costs(baseline) == [3, 2, 1, 2, 2, 3, 2]
    assert costs(optimized) == [1, 1 + 2, 1, 1, 1, 1, 1]


ALL = [
    *COSTS,
    "/users?limit=7&after=3",
    "/users/4/filter",
    "/users/4/keywords",
    "/users/4/configuration",
    "/users/4/statistics",
    f"/classifications/{OTHER_KEY}",
]
LISTED = {"/users?limit=7", "/users/3/filter", "/users/by-email/user3@example.com/filter", "/users/3/keywords"}


def ended(client: Client, method: str, path: str, body: object) -> set[str]:
    """What is not in the cache any more after a write."""
    for read in ALL:
        client.get(read)
    assert client.send(method, path, body).status in {200, 201}
    return {read for read in ALL if client.get(read).cache == "miss"}


def test_any_write_empties_the_cache_of_baseline(baseline: Client) -> None:
    assert ended(baseline, "POST", "/events", EVENT) == set(ALL)


@pytest.mark.parametrize(
    ("method", "path", "body", "gone"),
    [
        ("POST", "/users/3/keywords", {"keyword": "another"}, LISTED),
        (
            *("PUT", "/users/3/configuration", CONFIGURATION),
            {"/users/3/filter", "/users/by-email/user3@example.com/filter", "/users/3/configuration"},
        ),
        ("PUT", f"/classifications/{KEY}", CLASSIFICATION, {f"/classifications/{KEY}"}),
        ("POST", "/events", EVENT, set()),  # it counts tomorrow
    ],
)
def test_a_write_takes_from_optimized_only_what_it_touched(
    optimized: Client, method: str, path: str, body: object, gone: set[str]
) -> None:
    assert ended(optimized, method, path, body) == gone


@pytest.mark.parametrize(
    ("path", "most", "least"),
    [
        ("/users/3/filter", 300, 290),
        ("/users/3/keywords", 600, 590),
        ("/users/3/configuration", 1800, 1790),
        ("/users/3/statistics", 3600, 3590),
        (f"/classifications/{KEY}", 86_400, 86_390),
    ],
)
def test_what_changes_less_is_kept_longer(
    optimized: Client, redis_server: RedisServer, path: str, most: int, least: int
) -> None:
    cache = redis_server.client(2)
    cache.flushdb()
    assert optimized.get(path).status == 200
    (key,) = (key for key in cache.scan_iter("feed:*") if b":about:" not in key)
    assert least <= cache.ttl(key) <= most
