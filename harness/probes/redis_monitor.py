"""Keys: the commands that caches receive while a corpus is requested, by ``MONITOR``."""

import re
import threading
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import redis

from harness.probes.access import Cache
from harness.record.cache_keys import KeyTracker, KeyUse

_LINE = re.compile(r"[\d.]+ \[(\d+) [^\]]*\]+ (.*)")
_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"')
MOST_KEYS = 200_000
"""A cache that holds more when the watch begins is not watched: which of them are there would take long to read."""
LAST_SECONDS = 0.2


class KeyWatch:
    """Watches from the start of its block to the end. It slows a server down, so that nothing is measured meanwhile.

    Where a server does not let itself be watched, ``uses`` is empty.
    """

    def __init__(self, caches: Sequence[Cache]) -> None:
        self._caches = caches
        self._keys: list[KeyTracker] = []
        self._monitors: list[Any] = []
        self._clients: list[Any] = []
        """Kept, as one that nobody holds closes its connections."""
        self._threads: list[threading.Thread] = []
        self._done = threading.Event()

    def __enter__(self) -> Self:
        """Read which keys are there, and begin to watch."""
        for cache in self._caches:
            with suppress(redis.RedisError):
                self._watch(cache)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take in what was sent last, and end."""
        self._done.wait(LAST_SECONDS)
        self._done.set()
        for client, monitor, thread in zip(self._clients, self._monitors, self._threads, strict=True):
            with suppress(redis.RedisError, OSError):
                client.ping()  # for the thread to see that it is over
            thread.join(timeout=2)
            with suppress(redis.RedisError, OSError):
                monitor.connection.disconnect()

    def uses(self) -> tuple[KeyUse, ...]:
        """Lookups by key pattern."""
        return tuple(use for keys in self._keys for use in keys.uses())

    def _watch(self, cache: Cache) -> None:
        client: Any = cache.connect()
        databases = [int(name.removeprefix("db")) for name in client.info("keyspace")]
        if sum(one["keys"] for one in client.info("keyspace").values()) > MOST_KEYS:
            return
        there = [(database, key) for database in databases for key in _keys_of(cache, database)]
        monitor = client.monitor()
        monitor.__enter__()
        keys = KeyTracker(there)
        self._keys.append(keys)
        self._clients.append(client)
        self._monitors.append(monitor)
        self._threads.append(threading.Thread(target=self._run, args=(monitor, keys), name="keys", daemon=True))
        self._threads[-1].start()

    def _run(self, monitor: Any, keys: KeyTracker) -> None:  # noqa: ANN401 - the client's types do not tell
        with suppress(redis.RedisError, OSError, ValueError, AttributeError):
            while not self._done.is_set():
                response = monitor.connection.read_response()
                line = response.decode("utf-8", "replace") if isinstance(response, bytes) else str(response)
                if found := _LINE.match(line):
                    keys.take(int(found[1]), _WORD.findall(found[2]))


def _keys_of(cache: Cache, database: int) -> list[str]:
    with cache.connect() as client, client.client() as one:
        one.execute_command("SELECT", database)
        found: Any = one.scan_iter(count=1000)
        return [key.decode("utf-8", "replace") if isinstance(key, bytes) else str(key) for key in found]
