"""``evidence.json``: the causes and the database cost per request, not rounded."""

from dataclasses import asdict
from typing import Any

from harness.analysis.request_cost import RequestCost
from harness.evidence.causes import Cause
from harness.evidence.evidence import Evidence
from harness.record.statements import Counts

SCHEMA = 1


def evidence_record(evidence: Evidence) -> dict[str, Any]:
    """Causes, costs, cache keys and N+1 by endpoint and arm: ms, buffers of 8 kB, WAL bytes; shares are fractions."""
    return {
        "schema": SCHEMA,
        "causes": [_cause(cause) for cause in evidence.causes],
        "tolls": [_cost(arm, cost) for arm, costs in evidence.request_costs.items() for cost in costs.values()],
        "keys": [{"arm": arm, **asdict(use)} for arm, uses in evidence.keys.items() for use in uses],
        "equal_arms_differ": asdict(evidence.control_difference) if evidence.control_difference else None,
        "repeated": [
            {"arm": arm, **asdict(found)} for arm, some in evidence.repeated.items() for found in some.values()
        ],
    }


def _cause(cause: Cause) -> dict[str, Any]:
    return {
        "endpoint": cause.endpoint,
        "latency": cause.latency.metric.name,
        "latency_ms": [cause.latency.before, cause.latency.after],
        "mean_ms": cause.mean,
        "database_ms": cause.database,
        "explained": cause.database_share,
        "shares": {share.kind.value: share.share for share in cause.shares},
        "cache_hit_rate": cause.hits,
        "statements": cause.statements,
        "repeated": [found is not None for found in cause.repeated],
        "indexes": cause.indexes,
    }


def _cost(arm: str, cost: RequestCost) -> dict[str, Any]:
    return {
        "arm": arm,
        "endpoint": cost.endpoint,
        "requests": cost.requests,
        "hits": cost.hits,
        "each": _counts(cost.each),
        "of_a_hit": _counts(cost.hit),
        "of_no_hit": _counts(cost.other),
        "waited_ms": cost.db_ms,
        "keys_hit": cost.keys_hit,
        "keys_missed": cost.keys_missed,
        "statements": [
            {"fingerprint": part.fingerprint, "text": " ".join(part.text.split()), **asdict(part.counts)}
            for part in cost.parts
        ],
    }


def _counts(counts: Counts | None) -> dict[str, float] | None:
    return asdict(counts) if counts is not None else None
