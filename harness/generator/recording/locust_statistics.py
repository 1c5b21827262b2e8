"""Locust's statistics, updated when they are read instead of twice in each request.

Their values are the same as Locust's. The harness reads only the number of requests, which must equal that of the
samples; user files may read everything.
"""

import time
from collections import Counter
from collections.abc import Iterable

from locust import stats
from locust.stats import RequestStats, StatsEntry

MAX_PENDING = 10_000
KEPT_SECONDS = 60
"""Requests per second are kept this long; Locust reads the last 12 s."""
ROUNDED_BELOW_MS = 100
"""Locust rounds shorter times to whole ms."""
_BUCKET = stats.bucket_response_time


class LocustStatistics(RequestStats):
    """Locust's ``RequestStats``; its requests per second are right if ``update_entries`` runs every second."""

    def __init__(self) -> None:
        self._pending: dict[tuple[str, str], _Batch] = {}
        super().__init__(use_response_times_cache=False)

    def log_request(self, method: str, name: str, response_time: float | None, content_length: int) -> None:
        """Add a request (called by Locust); ``response_time`` in ms."""
        batch = self._pending.get((name, method))
        if batch is None:
            batch = self._pending[name, method] = _Batch()
        batch.content_length += content_length
        batch.times.append(response_time)
        if len(batch.times) >= MAX_PENDING:
            self.update_entries()

    def update_entries(self) -> None:
        now, waiting = time.time(), self._pending
        self._pending = {}
        for key, batch in waiting.items():
            entries = self._total, self._entries[key]
            batch.add_to(entries, now)
            for entry in entries:
                for second in [second for second in entry.num_reqs_per_sec if second < int(now) - KEPT_SECONDS]:
                    del entry.num_reqs_per_sec[second]

    @property
    def total(self) -> StatsEntry:
        self.update_entries()
        return self._total

    @total.setter
    def total(self, entry: StatsEntry) -> None:
        self._total = entry

    @property
    def entries(self) -> dict[tuple[str, str], StatsEntry]:
        self.update_entries()
        return self._entries

    @entries.setter
    def entries(self, entries: dict[tuple[str, str], StatsEntry]) -> None:
        self._pending.clear()
        self._entries = entries


class _Batch:
    def __init__(self) -> None:
        self.times: list[float | None] = []
        self.content_length = 0

    def add_to(self, entries: Iterable[StatsEntry], now: float) -> None:
        """Add to each entry what Locust's ``StatsEntry.log`` adds."""
        known = [value for value in self.times if value is not None]
        if stats.bucket_response_time is not _BUCKET:  # a user file has its own
            rounded = Counter(map(stats.bucket_response_time, known))
        else:
            rounded = Counter(map(round, [value for value in known if value < ROUNDED_BELOW_MS]))
            rounded.update(map(_BUCKET, [value for value in known if value >= ROUNDED_BELOW_MS]))
        for entry in entries:
            entry.num_requests += len(self.times)
            entry.num_none_requests += len(self.times) - len(known)
            entry.num_reqs_per_sec[int(now)] += len(self.times)
            entry.last_request_timestamp = now
            entry.total_content_length += self.content_length
            if not known:
                continue
            least, most = min(known), max(known)
            entry.total_response_time += sum(known)  # type: ignore[assignment]
            entry.min_response_time = least if entry.min_response_time is None else min(entry.min_response_time, least)  # type: ignore[assignment]
            entry.max_response_time = max(entry.max_response_time, most)  # type: ignore[assignment]
            for value, count in rounded.items():
                entry.response_times[value] += count
