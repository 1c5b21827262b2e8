"""Many who ask one service at the same moment."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

R = TypeVar("R")

MANY = 50
READERS = 6


def at_once(send: Callable[[int], R]) -> list[R]:
    """What fifty calls that start together come to."""
    start = threading.Barrier(MANY)

    def wait_and_send(number: int) -> R:
        start.wait()
        return send(number)

    with ThreadPoolExecutor(MANY) as threads:
        return list(threads.map(wait_and_send, range(MANY)))


@contextmanager
def reading(read: Callable[[], object]) -> Iterator[None]:
    """Six who read again and again until the block is over."""
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
