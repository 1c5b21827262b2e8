"""Toll: what a request to an endpoint costs the database, in one arm, from what was inspected of it.

A corpus is asked by one user after the other, so what the counters rose by belongs to the request between two looks.
It holds more misses than a load does, whose caches are warm; so requests that a cache answered and the others are kept
apart, to be put together again in the shares of the load.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.record.request_work import CorpusRequest, RequestWork
from harness.record.statements import Counts

MIN_COST = {"statements": 1, "rows": 1, "pages": 1, "write-ahead log": 100}


@dataclass(frozen=True, slots=True)
class StatementCost:
    """A statement's part in an endpoint's toll: its cost per request that no cache answered, and how often it ran."""

    fingerprint: str
    text: str
    counts: Counts


@dataclass(frozen=True, slots=True)
class RequestCost:
    """What a request to one endpoint costs.

    Attributes:
        requests: those that were inspected, none of them failed.
        hits: those among them that a cache answered.
        each: cost per request, as asked.
        hit: cost of a request that a cache answered; ``None`` without one.
        other: cost of one that none answered; ``None`` without one.
        db_ms: as the service tells, waited for its database per request that no cache answered, in ms.
        keys_hit: keys that Redis had, of all requests together; ``keys_missed`` those that it had not.
        parts: the statements of those that no cache answered, dearest first.
    """

    endpoint: str
    requests: int
    hits: int
    each: Counts
    hit: Counts | None
    other: Counts | None
    db_ms: float | None
    keys_hit: int
    keys_missed: int
    parts: tuple[StatementCost, ...]

    def at(self, hit_rate: float | None) -> Counts:
        """The cost per request where a cache answers a share of them."""
        if hit_rate is None or self.hit is None or self.other is None:
            return self.each
        return Counts(*(hit_rate * one + (1 - hit_rate) * two for one, two in zip(self.hit, self.other, strict=True)))


@dataclass(frozen=True, slots=True)
class CostDifference:
    """Where two arms cost most differently: what, of which endpoint, and by which share of the larger one."""

    endpoint: str
    what: str
    share: float


def largest_difference(one: Mapping[str, RequestCost], other: Mapping[str, RequestCost]) -> CostDifference | None:
    """The largest difference between arms that should be equal; ``None`` where they share no endpoint.

    Times are left out, and so is what is next to nothing: less than one a request, of the log less than 100 bytes.
    """
    found = [
        CostDifference(endpoint, what, abs(a - b) / max(a, b))
        for endpoint in one.keys() & other.keys()
        for what, (a, b) in _side_by_side(one[endpoint], other[endpoint]).items()
        if max(a, b) >= MIN_COST[what]
    ]
    return max(found, key=lambda each: (each.share, each.endpoint), default=None)


def _side_by_side(one: RequestCost, other: RequestCost) -> dict[str, tuple[float, float]]:
    a, b = one.each, other.each
    return {
        "statements": (a.calls, b.calls),
        "rows": (a.rows, b.rows),
        "pages": (a.blocks, b.blocks),
        "write-ahead log": (a.wal, b.wal),
    }


def request_costs(inspected: RequestWork) -> dict[str, RequestCost]:
    """The toll of each endpoint of which a request did not fail; empty where the statements are not known."""
    if inspected.missing:
        return {}
    return {
        endpoint: _toll(endpoint, asked, inspected)
        for endpoint in inspected.endpoints
        if (asked := inspected.of(endpoint))
    }


def _toll(endpoint: str, asked: Sequence[CorpusRequest], inspected: RequestWork) -> RequestCost:
    hits, others = [one for one in asked if one.hit], [one for one in asked if not one.hit]
    waited = [one.db_ms for one in others if one.db_ms is not None]
    parts = (StatementCost(*of, counts.per(len(others))) for of, counts in _by_statement(others, inspected).items())
    return RequestCost(
        endpoint=endpoint,
        requests=len(asked),
        hits=len(hits),
        each=_mean(asked) or Counts(),
        hit=_mean(hits),
        other=_mean(others),
        db_ms=sum(waited) / len(waited) if waited else None,
        keys_hit=sum(one.hits for one in asked),
        keys_missed=sum(one.misses for one in asked),
        parts=tuple(sorted(parts, key=lambda part: (-part.counts.ms, part.fingerprint))),
    )


def _mean(asked: Sequence[CorpusRequest]) -> Counts | None:
    return sum((one.counts for one in asked), Counts()).per(len(asked)) if asked else None


def _by_statement(asked: Sequence[CorpusRequest], inspected: RequestWork) -> Mapping[tuple[str, str], Counts]:
    found: dict[tuple[str, str], Counts] = {}
    for number, counts in _works(asked):
        statement = inspected.statements[number]
        of = statement.fingerprint, statement.text
        found[of] = found.get(of, Counts()) + counts
    return found


def _works(asked: Sequence[CorpusRequest]) -> Iterator[tuple[int, Counts]]:
    return ((work.statement, work.counts) for one in asked for work in one.work)
