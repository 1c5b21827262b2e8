"""Mistakes get one line that says what to do; a requested end is prompt and leaves nothing behind."""

import signal
import socket

import psutil
import pytest

from tests.reference import running
from tests.reference.running import Postgres, RedisServer

NOWHERE = "postgresql://postgres@127.0.0.1:1/none"
CACHE = "redis://127.0.0.1:1/0"


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["migrate", "recommendation", "head"], {}, "DATABASE_URL is not set; for example: export"),
        (["seed", "recommendation"], {"DATABASE_URL": "mysql://x"}, "DATABASE_URL must start with"),
        (["migrate", "recommendation", "head"], {"DATABASE_URL": NOWHERE}, "cannot reach the database, is PostgreSQL"),
        (["seed", "recommendation"], {"DATABASE_URL": NOWHERE}, "cannot reach the database, is PostgreSQL"),
        (
            ["migrate", "recommendation", "9"],
            {"DATABASE_URL": NOWHERE},
            "no revision '9'; there is base, 0001, 0002, head",
        ),
        (["serve", "recommendation", "--port", "1"], {"DATABASE_URL": NOWHERE}, "REDIS_URL is not set"),
        (
            ["serve", "recommendation", "--port", "1"],
            {"DATABASE_URL": NOWHERE, "REDIS_URL": CACHE, "REFERENCE_RELEASE": "fast"},
            "REFERENCE_RELEASE is 'fast'; it must be baseline, optimized, or some of queries, cache, pool, breaker",
        ),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], environment: dict[str, str], message: str) -> None:
    done = running.run(*arguments, **environment)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_database_without_schema_and_a_taken_port_are_mistakes(postgres: Postgres, seeded: str) -> None:
    empty = running.run(
        "serve", "recommendation", "--port", "1", DATABASE_URL=postgres.url("postgres"), REDIS_URL=CACHE
    )
    assert "the database has no schema; run: python -m reference_app migrate" in empty.stderr
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        there = running.run(
            "serve", "recommendation", "--port", port, DATABASE_URL=postgres.url(seeded), REDIS_URL=CACHE
        )
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use; choose another --port" in there.stderr


@pytest.mark.parametrize("command", [[], ["migrate"], ["seed"], ["serve"], ["refresh"], ["rebuild"]])
def test_help_shows_an_example(command: list[str]) -> None:
    done = running.run(*command, "--help")
    assert done.returncode == 0
    assert any(line.startswith("    ") and "python -m reference_app" in line for line in done.stdout.splitlines())


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("release", ["baseline", "optimized", "queries,pool"])
def test_ends_promptly(
    postgres: Postgres, redis_server: RedisServer, seeded: str, release: str, ending: signal.Signals
) -> None:
    with running.service("recommendation", release, postgres.url(seeded), redis_server.url(5)) as client:
        client.get("/content/1")
        assert psutil.Process(client.process.pid).children() == []
        client.process.send_signal(ending)
        assert client.process.wait(8) == 0  # by default it waits for ever for running requests
