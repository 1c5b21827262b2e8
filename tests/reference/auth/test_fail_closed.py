"""When something fails nobody is let in by it, and nothing secret gets out."""

import logging
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from reference_app.errors import SetupError
from reference_app.services.auth.tokens import SECRET, Tokens
from tests.reference import running
from tests.reference.auth.tokens import token
from tests.reference.running import Client, Postgres, RedisServer


@pytest.fixture
def two(postgres: Postgres, indexed: str, tmp_path: Path) -> Iterator[tuple[Client, Client, RedisServer]]:
    """Two processes of the service with a Redis of their own, to be stopped."""
    url = postgres.create(f"outage_{tmp_path.name}", indexed)
    settings = {"REFERENCE_BREAKER_SECONDS": "0.5"}
    with (
        running.redis_server(tmp_path) as redis,
        running.service("auth", "optimized", url, redis.url(), **settings) as one,
        running.service("auth", "optimized", url, redis.url(), **settings) as other,
    ):
        yield one, other, redis


def test_a_log_out_is_acknowledged_when_no_process_can_answer_from_before(
    two: tuple[Client, Client, RedisServer],
) -> None:
    one, other, redis = two
    given = token(50, "outage")
    assert [client.send("GET", "/auth/token", token=given).status for client in (one, other)] == [200, 200]
    redis.process.send_signal(signal.SIGSTOP)
    missed = one.http.post("/auth/logout", headers={"Authorization": f"Bearer {given}"})
    assert (missed.status_code, missed.headers["Retry-After"]) == (503, "1")
    redis.process.send_signal(signal.SIGCONT)
    deadline = time.monotonic() + 5
    while one.send("POST", "/auth/logout", token=given).status != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert [client.send("GET", "/auth/token", token=given).status for client in (one, other)] == [401, 401]


def test_nothing_answers_instead_of_the_database(optimized: Client, postgres: Postgres) -> None:
    given = token(51, "locked")
    with psycopg.connect(postgres.url(f"optimized_{__name__}")) as other:
        other.execute("LOCK TABLE token_blacklist")
        answer = optimized.send("GET", "/auth/token", token=given)
    assert (answer.status, answer.fallback) == (503, None)
    assert optimized.send("GET", "/auth/token", token=given).status == 200


def test_no_secret_is_kept_in_the_cache(optimized: Client, redis_server: RedisServer) -> None:
    answer = optimized.send("POST", "/auth/login", {"username": "user3", "password": "password-3"})
    given = answer.body["token"]  # type: ignore[index] # an object
    for path in ("/auth/token", "/auth/users/by-name/user3", "/auth/users"):
        assert optimized.send("GET", path, token=given).status == 200
    optimized.send("POST", "/auth/users", {"username": "eve", "email": "e@b.c", "password": "in clear text"})
    cache = redis_server.client(2)
    kept = b"\n".join(
        key + (cache.get(key) or b"" if cache.type(key) == b"string" else b"") for key in cache.scan_iter()
    )
    assert b":valid" in kept
    assert b"auth:user:" in kept
    for secret in (given, given.rpartition(".")[2], "password", "argon2", "in clear text"):
        assert secret.encode() not in kept


def test_a_secret_is_long_or_the_log_says_that_there_is_none(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(SetupError, match=f"{SECRET} is too short; export {SECRET}="):
        Tokens({SECRET: "short"})
    Tokens({SECRET: "long enough to sign something with it"})
    assert caplog.messages == []
    with caplog.at_level(logging.WARNING):
        Tokens({})
    assert caplog.messages == [f"{SECRET} is not set: tokens are signed with a secret that everybody can read"]


def test_expired_tokens_leave_the_blacklist_and_valid_ones_stay(
    optimized: Client, postgres: Postgres, redis_server: RedisServer
) -> None:
    url, given = postgres.url(f"optimized_{__name__}"), token(52, "stays")
    assert optimized.send("POST", "/auth/logout", token=given).status == 200
    before = optimized.get("/auth/user/52/logouts?limit=100")
    done = running.run("rebuild", "auth", DATABASE_URL=url, REDIS_URL=redis_server.url(2))
    assert done.returncode == 0, done.stderr
    after = optimized.get("/auth/user/52/logouts?limit=100")
    assert len(before.body["items"]) > 1 == len(after.body["items"])  # type: ignore[index] # a list's shape
    assert optimized.send("GET", "/auth/token", token=given).status == 401
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM token_blacklist WHERE expires_at < now()").fetchone() == (0,)
