"""The readiness check of Redis needs no retries of the client."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.environment.processes import ManagedProcesses
from harness.environment.servers import HOST, Redis, free_ports, redis_answers


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Redis]:
    processes = ManagedProcesses(tmp_path)
    made = Redis(processes, tmp_path, tmp_path / "log")
    made.start()
    yield made
    processes.close()


def test_one_that_asks_for_a_password_answers_at_once(server: Redis) -> None:
    started = time.monotonic()
    assert redis_answers(HOST, server.port)
    assert time.monotonic() - started < 0.9  # the client's own patience begins with a second


def test_one_that_is_not_there_does_not_answer_at_once() -> None:
    started = time.monotonic()
    assert not redis_answers(HOST, *free_ports())
    assert time.monotonic() - started < 0.9
