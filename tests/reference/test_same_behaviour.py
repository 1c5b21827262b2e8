"""Baseline and optimized answer alike: any sequence of requests, reads and writes, good and bad."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reference.running import Client, Postgres, RedisServer

pytestmark = pytest.mark.e2e

TABLES = ("users", "contents", "content_tags", "user_interests", "user_interactions")
HOT_CONTENTS = [3, 36, 88, 50]
CLOCK_FIELDS = {"created_at", "updated_at"}  # set by the server's clock, which differs between two servers

# Few ids, so that requests meet. In the data user 1 has a short list, 8 no interests, 9 an empty list; contents
# 3, 36 and 88 are shown to one of them, 50 to none yet; those from 101 on exist only once they are created.
users = st.one_of(st.sampled_from([1, 4, 8, 9]), st.sampled_from([1, 4, 8, 9, 150, 201, 2**63 - 1]))
contents = st.one_of(st.sampled_from(HOT_CONTENTS), st.sampled_from([*HOT_CONTENTS, 50, 101, 102, 2**63 - 1]))
limits = st.sampled_from(["?limit=1", "?limit=3", "", "?limit=20"])
bad_ids = st.sampled_from(["0", "-1", "x", "1.0", "%20", "9223372036854775808", "٣", "1_0"])
bad_limits = st.sampled_from(["?limit=0", "?limit=101", "?limit=", "?limit=ten", "?limit=+5"])
tags = st.lists(
    st.sampled_from(["cars-local", "nature-beginners", "fitness-ideas", "travel-local", "wine-events", "brand-new"]),
    max_size=4,
)
text = st.one_of(st.sampled_from(["a", "Ü\u2028\U0001f600", "'; --", " "]), st.text(max_size=30))
# Before any clock's now, so that contents created meanwhile have the age 0 on both servers.
moments = st.datetimes(datetime(2025, 11, 1), datetime(2026, 6, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the strategy adds it
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["title", "tags", "x"]), inner),
    max_leaves=5,
)


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    body: object = None


change = st.fixed_dictionaries({"title": text, "body": text, "tags": tags})
new_content = st.builds(lambda made, creator: made | {"creator_id": creator}, change, users)
interaction = st.fixed_dictionaries(
    {"user_id": users, "content_id": contents, "kind": st.sampled_from(["view", "like", "share"])}
)
reads = st.one_of(
    st.builds(lambda user, limit: Request("GET", f"/recommendations/{user}{limit}"), users, limits),
    st.builds(lambda content: Request("GET", f"/content/{content}"), contents),
)
writes = st.one_of(
    st.builds(lambda body: Request("POST", "/interactions", body), interaction),
    st.builds(lambda content, body: Request("PUT", f"/content/{content}", body), contents, change),
    st.builds(lambda body: Request("POST", "/content", body), new_content),
    st.builds(lambda moment: Request("POST", "/engagement-scores", {"as_of": moment.isoformat()}), moments),
)
mistakes = st.one_of(
    st.builds(lambda user, limit: Request("GET", f"/recommendations/{user}{limit}"), bad_ids, limits),
    st.builds(lambda user, limit: Request("GET", f"/recommendations/{user}{limit}"), users, bad_limits),
    st.builds(lambda content: Request("GET", f"/content/{content}"), bad_ids),
    st.builds(lambda content, body: Request("PUT", f"/content/{content}", body), contents | bad_ids, junk),
    st.builds(
        lambda path, body: Request("POST", path, body),
        st.sampled_from(["/content", "/interactions", "/engagement-scores"]),
        junk.filter(lambda body: body not in (None, {})),
    ),
    st.builds(Request, st.sampled_from(["DELETE", "PATCH"]), st.sampled_from(["/content/1", "/interactions", "/no"])),
)
steps = st.lists(st.one_of(reads, writes, writes, writes, mistakes), min_size=1, max_size=8)
WATCHED = [
    Request("GET", path)
    for path in (
        "/recommendations/1",
        "/recommendations/4?limit=3",
        "/recommendations/8?limit=1",
        "/recommendations/8?limit=100",
        "/recommendations/9",
        "/content/3",
        "/content/36",
    )
]


@pytest.fixture(scope="module")
def resets(
    postgres: Postgres, redis_server: RedisServer, baseline: Client, optimized: Client
) -> Iterator["list[Reset]"]:
    assert baseline
    assert optimized
    made = [
        Reset(postgres.url(f"{release}_{__name__}"), redis_server, number)
        for number, release in enumerate(("baseline", "optimized"), start=1)
    ]
    yield made
    for reset in made:
        reset.connection.close()


class Reset:
    """Puts a database back to its generated data, and its cache to empty."""

    def __init__(self, url: str, redis_server: RedisServer, number: int) -> None:
        self.connection = psycopg.connect(url, autocommit=True)
        self.redis = redis_server.client(number)
        for table in TABLES:
            self.connection.execute(f"CREATE TABLE kept_{table} AS TABLE {table}")

    def __call__(self) -> None:
        with self.connection.transaction():
            self.connection.execute(f"TRUNCATE {', '.join(TABLES)} RESTART IDENTITY")
            for table in TABLES:
                self.connection.execute(f"INSERT INTO {table} SELECT * FROM kept_{table}")
                self.connection.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}")
        self.redis.flushdb()


@given(steps=steps)
@settings(max_examples=40, deadline=None)
def test_any_sequence_of_requests_is_answered_alike(
    baseline: Client, optimized: Client, resets: "list[Reset]", steps: list[Request]
) -> None:
    """What is watched is cached before the first step and asked for again after each: a stale answer shows at once."""
    for reset in resets:
        reset()
    for request in [*WATCHED, *(each for step in steps for each in (step, *WATCHED))]:
        before, after = (client.send(request.method, request.path, request.body) for client in (baseline, optimized))
        assert (before.status, comparable(before.body)) == (after.status, comparable(after.body)), request
        assert before.status < 500, before.body


def comparable(body: object) -> object:
    if isinstance(body, dict):
        return {name: value for name, value in body.items() if name not in CLOCK_FIELDS}
    return body
