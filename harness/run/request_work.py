"""Database cost per request: the counters of databases and caches around each request of a corpus."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any, Self

import psycopg
import redis

from harness.probes.access import Cache, Database
from harness.probes.redis_monitor import KeyMonitor
from harness.probes.statements import Key, StatementCounter, increase
from harness.record.request_work import CorpusRequest, RequestWork, StatementText, StatementWork
from harness.record.statements import Counts

FIRST_FAILED_STATUS = 400


class RequestWorkReader:
    """Reads the counters after each request, in ``add``; raises nothing: ``result`` names what could not be read."""

    def __init__(self, databases: Sequence[Database], caches: Sequence[Cache]) -> None:
        self._counter = StatementCounter(databases)
        self._caches = caches
        self._watch = KeyMonitor(caches)
        self._clients: list[Any] = []
        self._requests: list[tuple[CorpusRequest, dict[Key, Counts]]] = []
        self._last: tuple[dict[Key, Counts], tuple[int, int]] = {}, (0, 0)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._stack.enter_context(self._counter)
        self._stack.enter_context(self._watch)
        self._clients = [self._stack.enter_context(cache.connect()) for cache in self._caches]
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add(self, report: Mapping[str, Any] | None) -> None:
        """Add one request of the generator's report; ``None`` before the first one."""
        statements, keys = self._statements(), self._keys()
        before, keys_before = self._last
        if report is not None:
            hits, misses = (now - then for now, then in zip(keys, keys_before, strict=True))
            failed = not 0 < report["status"] < FIRST_FAILED_STATUS
            reported = {key: report[key] for key in ("n", "endpoint", "cache", "items", "queries", "db_ms")}
            request = CorpusRequest(**reported, failed=failed, hits=hits, misses=misses)
            self._requests.append((request, increase(before, statements)))
        self._last = statements, keys

    def result(self, arm: str) -> RequestWork:
        keys = sorted({key for _, work in self._requests for key in work}, key=str)
        place = {key: number for number, key in enumerate(keys)}
        texts = tuple(StatementText(print_, self._counter.texts.get(print_, ""), service) for service, print_ in keys)
        requests = tuple(_with_work(*one, place) for one in self._requests)
        return RequestWork(arm, texts, requests, self._counter.missing, self._watch.uses())

    def _statements(self) -> dict[Key, Counts]:
        if self._counter.missing:
            return {}
        try:
            return self._counter.read()
        except psycopg.Error as error:
            self._counter.missing = " ".join(str(error).split())
            return {}

    def _keys(self) -> tuple[int, int]:
        """Keyspace hits and misses of all caches so far."""
        hits = misses = 0
        for client in self._clients:
            with suppress(redis.RedisError):
                stats = client.info("stats")
                hits, misses = hits + int(stats["keyspace_hits"]), misses + int(stats["keyspace_misses"])
        return hits, misses


def _with_work(request: CorpusRequest, work: Mapping[Key, Counts], place: Mapping[Key, int]) -> CorpusRequest:
    done = sorted(work.items(), key=lambda one: place[one[0]])
    return replace(request, work=tuple(StatementWork(place[key], counts) for key, counts in done))
