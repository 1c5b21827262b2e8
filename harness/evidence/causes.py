"""Cause: why an endpoint answers faster or slower, as far as its database can tell.

Database time per request falls in four ways, and in logarithms their parts add up to the whole, like the steps of an
attribution. A request that a cache answers needs none: that part is the time per request over the time per request
that no cache answered, both under the load. What such a request costs when nobody else asks is known from the corpus,
which the release of before was also asked on the migrated databases: from before to there it is the indexes, for what
writes also the triggers where they take another time than before, from there to after the new release, its statements.
That is the order in which they are deployed; in another order they would share differently. The rest is crowding: the
same request takes longer while others keep the database busy, and what spares the database work spares all of them
this.

The time that a service waits for its database is as the service tells it. What a request takes beside it, the service's
own work and waiting for a free core or connection, is no part of it and explained by nothing here.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from harness.analysis.comparison import Comparison, Pair
from harness.analysis.request_cost import LEAST, RequestCost, request_costs
from harness.analysis.steps import differs
from harness.evidence.n_plus_one import RepeatedStatement, repeated_statements
from harness.metrics import HEADLINES
from harness.plan.model import ARMS, MIGRATED
from harness.record.request_work import RequestWork

SEEN_ALONE = 0.1
"""A single block has no interval: smaller changes of it are not asked for their cause."""
OPPOSED = 2.0
"""Shares that come to more than this without their signs nearly cancel: the whole is small beside them."""
LEAST_MS = 0.001
"""What a service says is no time at all; it tells thousandths of a ms."""


class CauseKind(StrEnum):
    """In which way database time changed."""

    CACHE = "cache"
    INDEXES = "indexes"
    INDEXES_AND_TRIGGERS = "indexes and triggers"
    STATEMENTS = "statements"
    INDEXES_AND_STATEMENTS = "indexes and statements"
    INDEXES_TRIGGERS_AND_STATEMENTS = "indexes, triggers and statements"
    CONTENTION = "crowding"


@dataclass(frozen=True, slots=True)
class Share:
    """One way, and its share of the logarithm of the change of database time; negative when it works against it."""

    kind: CauseKind
    share: float


@dataclass(frozen=True, slots=True)
class Cause:
    """Why one endpoint changed.

    Attributes:
        latency: what users saw.
        mean: the same in the mean, of which database time is a part; ms, before and after.
        database: time per request that the service waited for its database, ms, before and after.
        database_share: the share of the change of the mean that is database time.
        shares: of the ways in which that changed; empty where it is not known, or did not.
        hits: the share of requests that a cache answered, before and after.
        statements: per request that no cache answered, before and after.
        repeated: what before repeated for each row, and after; ``None``: nothing.
        indexes: those that after used and the migration made.
    """

    endpoint: str
    latency: Pair
    mean: tuple[float, float] | None
    database: tuple[float, float] | None
    database_share: float | None
    shares: tuple[Share, ...]
    hits: tuple[float | None, float | None]
    statements: tuple[float | None, float | None]
    repeated: tuple[RepeatedStatement | None, RepeatedStatement | None]
    indexes: tuple[str, ...] = ()

    @property
    def shares_cancel(self) -> bool:
        """Whether ways work against each other so much that shares of what is left say little."""
        return sum(abs(one.share) for one in self.shares) > OPPOSED

    def factor(self, share: Share) -> float:
        """What one way by itself made of the database time: 0.5 where it halved it."""
        return math.exp(-share.share * _fall(*self.database)) if self.database else 1.0


def causes_of(
    comparison: Comparison, inspected: Mapping[str, RequestWork], indexes: Mapping[str, Sequence[str]] | None = None
) -> tuple[Cause, ...]:
    """The cause of every endpoint whose latency changed, over all stages but ramps; ``indexes`` are those each uses.

    Latency is the P95; where a leg has too few samples for it the P50, else the mean.
    """
    if not inspected:
        return ()
    tolls = {arm: request_costs(one) for arm, one in inspected.items()}
    repeated = {arm: repeated_statements(one) for arm, one in inspected.items()}
    endpoints = dict.fromkeys(pair.endpoint for pair in comparison.pairs if pair.endpoint and pair.stage is None)
    latencies = (latency for endpoint in endpoints if (latency := _latency(comparison, endpoint)))
    return tuple(
        _cause(
            comparison,
            latency,
            [tolls.get(arm, {}).get(str(latency.endpoint)) for arm in ("before", MIGRATED, "after")],
            [repeated.get(arm, {}).get(str(latency.endpoint)) for arm in ARMS],
            (indexes or {}).get(str(latency.endpoint), ()),
        )
        for latency in latencies
        if _changed(latency)
    )


def _latency(comparison: Comparison, endpoint: str) -> Pair | None:
    pairs = (comparison.pair(metric, None, endpoint) for metric in (*HEADLINES, "mean"))
    return next((pair for pair in pairs if pair and pair.least_requests >= pair.metric.min_samples), None)


def _changed(latency: Pair) -> bool:
    if latency.change is None:
        return False
    if latency.change.low is None:
        return abs(math.log(latency.change.value)) > SEEN_ALONE
    return differs(latency.change)


def _cause(
    comparison: Comparison,
    latency: Pair,
    toll: Sequence[RequestCost | None],
    repeated: Sequence[RepeatedStatement | None],
    indexes: Sequence[str],
) -> Cause:
    endpoint = str(latency.endpoint)

    def both(metric: str) -> tuple[float, float] | None:
        pair = comparison.pair(metric, None, endpoint)
        return (pair.before, pair.after) if pair and pair.before is not None and pair.after is not None else None

    mean, database, misses = both("mean"), both("db_ms_per_request"), both("db_ms_per_miss")
    gone = database[0] - database[1] if database else 0.0
    saved = mean[0] - mean[1] if mean else 0.0
    hits = comparison.pair("cache_hit_rate", None, endpoint)
    triggers = comparison.pair("trigger_ms_per_request", None, None)
    fires = triggers is not None and _changed(triggers) and _writes(toll[0])
    before, _, after = (one.other.calls if one and one.other else None for one in toll)
    return Cause(
        endpoint=endpoint,
        latency=latency,
        mean=mean,
        database=database,
        database_share=min(max(gone / saved, 0.0), 1.0) if database and saved else None,
        shares=tuple(_shares(database, misses, toll, fires=fires)) if database else (),
        hits=(hits.before, hits.after) if hits else (None, None),
        statements=(before, after),
        repeated=(repeated[0], repeated[1]),
        indexes=tuple(indexes),
    )


def _shares(
    database: tuple[float, float],
    misses: tuple[float, float] | None,
    toll: Sequence[RequestCost | None],
    *,
    fires: bool,
) -> Iterator[Share]:
    migrated, both = (
        (CauseKind.INDEXES_AND_TRIGGERS, CauseKind.INDEXES_TRIGGERS_AND_STATEMENTS)
        if fires
        else (CauseKind.INDEXES, CauseKind.INDEXES_AND_STATEMENTS)
    )
    whole = _fall(*database)
    if abs(whole) < SEEN_ALONE:
        return
    rest = _fall(*misses) if misses else whole
    if misses:
        yield Share(CauseKind.CACHE, 1 - rest / whole)
    before, between, after = (_waited(one) for one in toll)
    if before is None or after is None:
        yield Share(both, rest / whole)
        return
    if between is None:
        yield Share(both, _fall(before, after) / whole)
    else:
        yield Share(migrated, _fall(before, between) / whole)
        yield Share(CauseKind.STATEMENTS, _fall(between, after) / whole)
    yield Share(CauseKind.CONTENTION, (rest - _fall(before, after)) / whole)


def _fall(before: float, after: float) -> float:
    """The logarithm of how many times smaller a time became."""
    return math.log(max(before, LEAST_MS) / max(after, LEAST_MS))


def _writes(toll: RequestCost | None) -> bool:
    """Whether it writes more than a reader does that tidies up."""
    return toll is not None and toll.other is not None and toll.other.wal >= LEAST["write-ahead log"]


def _waited(toll: RequestCost | None) -> float | None:
    """Database time per request that no cache answered, ms: as the service tells, else as its statements took."""
    if toll is None or toll.other is None:
        return None
    return toll.db_ms if toll.db_ms is not None else toll.other.ms
