"""Causes: why the latency of an endpoint changed, as far as its database explains it.

Database time per request changes in four ways, whose logarithms add up to the whole change:

- cache: time per request ÷ time per request that missed the cache, both under load;
- indexes (and triggers, for requests that write and whose trigger time changed): cost of the same requests without
  concurrency, from before to the old release on the migrated databases;
- statements: from there to the new release;
- contention and other load effects: the rest. Load saved anywhere in the database shortens it for all requests.

This is the order of deployment; another order would give other shares. Database time is what the service reports. Time
outside the database (the service's own work, waits for CPU or a connection) is not explained here.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from harness.analysis.comparison import Comparison, Pair
from harness.analysis.request_cost import MIN_WAL, RequestCost
from harness.analysis.steps import differs
from harness.evidence.n_plus_one import RepeatedStatement
from harness.metrics import HEADLINES
from harness.plan.model import ARMS, MIGRATED

LEAST_CHANGE = 0.1
"""On the log scale: smaller changes of a single block, which has no interval, and of database time have no cause."""
OPPOSED_SHARES = 2.0  # shares with a larger sum of absolute values nearly cancel each other
LEAST_MS = 0.001  # the resolution of the database time that services report


class CauseKind(StrEnum):
    """What changed the database time of an endpoint."""

    CACHE = "cache"
    INDEXES = "indexes"
    INDEXES_AND_TRIGGERS = "indexes and triggers"
    STATEMENTS = "statements"
    INDEXES_AND_STATEMENTS = "indexes and statements"
    INDEXES_TRIGGERS_AND_STATEMENTS = "indexes, triggers and statements"
    CONTENTION = "contention"


@dataclass(frozen=True, slots=True)
class Share:
    """The share of one kind in the logarithm of the change of database time; negative when it opposes the change."""

    kind: CauseKind
    share: float


@dataclass(frozen=True, slots=True)
class Cause:
    """Why one endpoint changed; pairs of values are before and after."""

    endpoint: str
    latency: Pair
    mean: tuple[float, float] | None  # mean latency, ms
    database: tuple[float, float] | None  # database time per request, ms
    database_share: float | None  # the share of database time in the change of the mean latency, 0 to 1
    shares: tuple[Share, ...]  # of the kinds; empty where unknown, or where database time did not change
    hits: tuple[float | None, float | None]  # the cache hit rate
    statements: tuple[float | None, float | None]  # statements per request that missed the cache
    repeated: tuple[RepeatedStatement | None, RepeatedStatement | None]  # the N+1 statement, ``None`` without one
    indexes: tuple[str, ...] = ()  # indexes of the migration that after used

    @property
    def shares_cancel(self) -> bool:
        """Whether the shares oppose each other so much that percentages mislead."""
        return sum(abs(one.share) for one in self.shares) > OPPOSED_SHARES

    def factor(self, share: Share) -> float:
        """The factor by which one kind changed the database time: 0.5 where it halved it."""
        return math.exp(-share.share * _log_ratio(*self.database)) if self.database else 1.0


def causes_of(
    comparison: Comparison,
    costs: Mapping[str, Mapping[str, RequestCost]],
    repeated: Mapping[str, Mapping[str, RepeatedStatement]],
    indexes: Mapping[str, Sequence[str]],
) -> Iterator[Cause]:
    """The cause of every endpoint whose latency changed, over all stages except ramps.

    Latency is the P95; with too few samples in a leg the P50, else the mean. ``costs`` and ``repeated`` are by arm and
    endpoint, without arms whose requests were not sent one at a time; ``indexes`` are those of the migration that each
    endpoint uses.
    """
    for endpoint in dict.fromkeys(pair.endpoint for pair in comparison.pairs if pair.endpoint and pair.stage is None):
        latency = _latency(comparison, endpoint)
        if costs and latency and _changed(latency):
            of_arms = [costs.get(arm, {}).get(endpoint) for arm in ("before", MIGRATED, "after")]
            before, after = (repeated.get(arm, {}).get(endpoint) for arm in ARMS)
            yield _cause(comparison, endpoint, latency, of_arms, (before, after), indexes.get(endpoint, ()))


def _latency(comparison: Comparison, endpoint: str) -> Pair | None:
    pairs = (comparison.pair(metric, None, endpoint) for metric in (*HEADLINES, "mean"))
    return next((pair for pair in pairs if pair and pair.least_requests >= pair.metric.min_samples), None)


def _changed(latency: Pair) -> bool:
    if latency.change is None:
        return False
    if latency.change.low is None:
        return abs(math.log(latency.change.value)) > LEAST_CHANGE
    return differs(latency.change)


def _cause(
    comparison: Comparison,
    endpoint: str,
    latency: Pair,
    costs: Sequence[RequestCost | None],
    repeated: tuple[RepeatedStatement | None, RepeatedStatement | None],
    indexes: Sequence[str],
) -> Cause:
    def both(metric: str) -> tuple[float, float] | None:
        pair = comparison.pair(metric, None, endpoint)
        return (pair.before, pair.after) if pair and pair.before is not None and pair.after is not None else None

    mean, database, misses = both("mean"), both("db_ms_per_request"), both("db_ms_per_miss")
    database_saved = database[0] - database[1] if database else 0.0
    saved = mean[0] - mean[1] if mean else 0.0
    hits = comparison.pair("cache_hit_rate", None, endpoint)
    triggers = comparison.pair("trigger_ms_per_request", None, None)
    writes = costs[0] is not None and costs[0].other is not None and costs[0].other.wal >= MIN_WAL
    triggers_changed = triggers is not None and _changed(triggers) and writes
    before, _, after = (one.other.calls if one and one.other else None for one in costs)
    return Cause(
        endpoint=endpoint,
        latency=latency,
        mean=mean,
        database=database,
        database_share=min(max(database_saved / saved, 0.0), 1.0) if database and saved else None,
        shares=tuple(_shares(database, misses, costs, triggers=triggers_changed)) if database else (),
        hits=(hits.before, hits.after) if hits else (None, None),
        statements=(before, after),
        repeated=repeated,
        indexes=tuple(indexes),
    )


def _shares(
    database: tuple[float, float],
    misses: tuple[float, float] | None,
    costs: Sequence[RequestCost | None],
    *,
    triggers: bool,
) -> Iterator[Share]:
    migrated = CauseKind.INDEXES_AND_TRIGGERS if triggers else CauseKind.INDEXES
    both = CauseKind.INDEXES_TRIGGERS_AND_STATEMENTS if triggers else CauseKind.INDEXES_AND_STATEMENTS
    total = _log_ratio(*database)
    if abs(total) < LEAST_CHANGE:
        return
    rest = _log_ratio(*misses) if misses else total
    if misses:
        yield Share(CauseKind.CACHE, 1 - rest / total)
    before, between, after = (_database_ms(one) for one in costs)
    if before is None or after is None:
        yield Share(both, rest / total)
        return
    if between is None:
        yield Share(both, _log_ratio(before, after) / total)
    else:
        yield Share(migrated, _log_ratio(before, between) / total)
        yield Share(CauseKind.STATEMENTS, _log_ratio(between, after) / total)
    yield Share(CauseKind.CONTENTION, (rest - _log_ratio(before, after)) / total)


def _log_ratio(before: float, after: float) -> float:
    """ln(before / after) of two times in ms, none below the resolution."""
    return math.log(max(before, LEAST_MS) / max(after, LEAST_MS))


def _database_ms(cost: RequestCost | None) -> float | None:
    """Database time per request that missed the cache, ms: as the service reports it, else the time of statements."""
    if cost is None or cost.other is None:
        return None
    return cost.db_ms if cost.db_ms is not None else cost.other.ms
