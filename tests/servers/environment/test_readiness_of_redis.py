"""The readiness check of Redis needs no retries of the client."""

import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread

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


def test_one_that_asks_for_a_password_answers(server: Redis) -> None:
    assert redis_answers(HOST, server.port)


def test_one_that_is_not_there_does_not_answer() -> None:
    assert not redis_answers(HOST, *free_ports())


def test_one_that_hangs_up_is_tried_once() -> None:
    connections = list[tuple[str, int]]()

    def hang_up() -> None:
        with suppress(OSError):  # closed at the end
            while True:
                connection, address = listening.accept()
                connection.close()
                connections.append(address)

    with socket.create_server((HOST, 0)) as listening:
        thread = Thread(target=hang_up)
        thread.start()
        assert not redis_answers(HOST, listening.getsockname()[1])
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
    assert len(connections) == 1
