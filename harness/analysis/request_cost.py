"""Database cost per request: the counters of a corpus whose requests are sent one at a time, by endpoint.

A corpus has more cache misses than a warm load, so hits and other requests are kept apart and weighted by the hit rate
of the load.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from harness.record.request_work import CorpusRequest, RequestWork, StatementText
from harness.record.statements import Counts

MIN_WAL = 100  # bytes; readers write less, for hint bits and page pruning
COUNTED = {
    "statements": ("calls", 1),
    "rows": ("rows", 1),
    "pages": ("blocks", 1),
    "write-ahead log": ("wal", MIN_WAL),
}
"""The counts that are compared between arms, with the smallest per request that counts."""
Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class StatementCost:
    """A statement of an endpoint, with its cost per request without a cache hit."""

    fingerprint: str
    text: str
    counts: Counts


@dataclass(frozen=True, slots=True)
class RequestCost:
    """The database cost of a request to one endpoint."""

    endpoint: str
    requests: int  # successful requests
    hits: int  # those with a cache hit
    each: Counts  # cost per request
    hit: Counts | None  # cost of a request with a cache hit; ``None`` without one
    other: Counts | None  # cost of a request without one; ``None`` where all hit
    db_ms: float | None  # database time per request without a cache hit, as the service reports it
    keys_hit: int  # Redis keyspace hits of all requests; ``keys_missed`` misses
    keys_missed: int
    parts: tuple[StatementCost, ...]  # statements of requests without a cache hit, most expensive first

    def at(self, hit_rate: float | None) -> Counts:
        if hit_rate is None or self.hit is None or self.other is None:
            return self.each
        return Counts(*(hit_rate * one + (1 - hit_rate) * two for one, two in zip(self.hit, self.other, strict=True)))


@dataclass(frozen=True, slots=True)
class CostDifference:
    """The largest relative difference of cost between two arms, and where it is."""

    endpoint: str
    what: str
    share: float


def largest_difference(one: Mapping[str, RequestCost], other: Mapping[str, RequestCost]) -> CostDifference | None:
    """The largest difference between arms that should be equal; ``None`` without a common endpoint.

    Times are left out, and so are costs below the smallest of ``COUNTED``.
    """
    found = []
    for endpoint in one.keys() & other.keys():
        for what, (count, least) in COUNTED.items():
            a, b = (getattr(cost[endpoint].each, count) for cost in (one, other))
            if max(a, b) >= least:
                found.append(CostDifference(endpoint, what, abs(a - b) / max(a, b)))
    return max(found, key=lambda each: (each.share, each.endpoint), default=None)


def request_costs(work_of_arm: RequestWork) -> dict[str, RequestCost]:
    """The cost of each endpoint with successful requests; empty where statements are unknown."""
    if work_of_arm.missing:
        return {}
    return {
        endpoint: _cost(endpoint, requests, work_of_arm)
        for endpoint in work_of_arm.endpoints
        if (requests := work_of_arm.of(endpoint))
    }


def _cost(endpoint: str, requests: Sequence[CorpusRequest], work_of_arm: RequestWork) -> RequestCost:
    hits, others = [one for one in requests if one.hit], [one for one in requests if not one.hit]
    waited = [one.db_ms for one in others if one.db_ms is not None]
    counted = counts_by_statement(others, work_of_arm.statements, lambda one: (one.fingerprint, one.text))
    parts = (StatementCost(*of, counts.per(len(others))) for of, counts in counted.items())
    return RequestCost(
        endpoint=endpoint,
        requests=len(requests),
        hits=len(hits),
        each=_mean(requests) or Counts(),
        hit=_mean(hits),
        other=_mean(others),
        db_ms=sum(waited) / len(waited) if waited else None,
        keys_hit=sum(one.hits for one in requests),
        keys_missed=sum(one.misses for one in requests),
        parts=tuple(sorted(parts, key=lambda part: (-part.counts.ms, part.fingerprint))),
    )


def _mean(requests: Sequence[CorpusRequest]) -> Counts | None:
    return sum((one.counts for one in requests), Counts()).per(len(requests)) if requests else None


def counts_by_statement(
    requests: Sequence[CorpusRequest], statements: Sequence[StatementText], key: Callable[[StatementText], Key]
) -> dict[Key, Counts]:
    """The counts of each statement over some requests, by a key of the statement."""
    found: dict[Key, Counts] = {}
    for work in (work for request in requests for work in request.work):
        place = key(statements[work.statement])
        found[place] = found.get(place, Counts()) + work.counts
    return found
