"""Concurrent requests to one service."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

R = TypeVar("R")

MANY = 50
READERS = 6


def at_once(send: Callable[[int], R]) -> list[R]:
    """Results of fifty calls that start together."""
    start = threading.Barrier(MANY)

    def wait_and_send(number: int) -> R:
        start.wait()
        return send(number)

    with ThreadPoolExecutor(MANY) as threads:
        return list(threads.map(wait_and_send, range(MANY)))


@contextmanager
def reading(read: Callable[[], object]) -> Iterator[None]:
    """Six readers that repeat their request until the block ends."""
    done = threading.Event()

    def go_on() -> None:
        while not done.is_set():
            read()

    readers = [threading.Thread(target=go_on) for _ in range(READERS)]
    for reader in readers:
        reader.start()
    try:
        yield
    finally:
        done.set()
        for reader in readers:
            reader.join()
