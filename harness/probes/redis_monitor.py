"""Lookups of Redis keys while a corpus is requested, by ``MONITOR``."""

import re
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Self

import redis

from harness.probes.access import Cache
from harness.record.cache_keys import KeyTracker, KeyUse

_LINE = re.compile(r"[\d.]+ \[(\d+) [^\]]*\]+ (.*)")
_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"')
MAX_KEYS = 200_000
"""Caches with more keys are not monitored: reading the keys would take long."""
LAST_SECONDS = 0.2


class KeyMonitor:
    """Monitors during its context; slows the server, so never under load. ``uses`` is empty if a server refuses."""

    def __init__(self, caches: Sequence[Cache]) -> None:
        self._caches = caches
        self._monitored: list[tuple[KeyTracker, Any, Any, threading.Thread]] = []
        self._done = threading.Event()

    def __enter__(self) -> Self:
        """Read the existing keys, and start MONITOR."""
        for cache in self._caches:
            with suppress(redis.RedisError):
                self._monitor(cache)
        return self

    def __exit__(self, *_: object) -> None:
        self._done.wait(LAST_SECONDS)
        self._done.set()
        for _keys, client, monitor, thread in self._monitored:
            with suppress(redis.RedisError, OSError):
                client.ping()  # wakes the thread
            thread.join(timeout=2)
            with suppress(redis.RedisError, OSError):
                monitor.connection.disconnect()

    def uses(self) -> tuple[KeyUse, ...]:
        return tuple(use for keys, *_ in self._monitored for use in keys.uses())

    def _monitor(self, cache: Cache) -> None:
        client: Any = cache.connect()
        databases = [int(name.removeprefix("db")) for name in client.info("keyspace")]
        if sum(one["keys"] for one in client.info("keyspace").values()) > MAX_KEYS:
            return
        keys = KeyTracker([(database, key) for database in databases for key in _keys_of(cache, database)])
        monitor = client.monitor()
        monitor.__enter__()
        thread = threading.Thread(target=self._run, args=(monitor, keys), name="keys", daemon=True)
        thread.start()
        self._monitored.append((keys, client, monitor, thread))

    def _run(self, monitor: Any, keys: KeyTracker) -> None:  # noqa: ANN401 - the client has no type for it
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
