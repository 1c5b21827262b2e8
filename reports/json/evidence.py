"""Evidence record: ``evidence.json``, the causes and what a request costs the database, unrounded, for machines."""

from dataclasses import asdict
from typing import Any

from harness.analysis.request_cost import RequestCost
from harness.evidence.causes import Cause
from harness.evidence.evidence import Evidence
from harness.record.statements import Counts

SCHEMA = 1


def evidence_record(evidence: Evidence) -> dict[str, Any]:
    """The causes of every endpoint that changed, and the toll of every endpoint in every arm that was asked.

    Times are in ms, pages of 8 kB, the write-ahead log in bytes; shares are fractions of the logarithm of the change of
    database time.
    """
    return {
        "schema": SCHEMA,
        "causes": [_cause(cause) for cause in evidence.causes],
        "tolls": [_toll(arm, toll) for arm, tolls in evidence.request_costs.items() for toll in tolls.values()],
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
        "repeated": [repetition is not None for repetition in cause.repeated],
        "indexes": cause.indexes,
    }


def _toll(arm: str, toll: RequestCost) -> dict[str, Any]:
    return {
        "arm": arm,
        "endpoint": toll.endpoint,
        "requests": toll.requests,
        "hits": toll.hits,
        "each": _counts(toll.each),
        "of_a_hit": _counts(toll.hit),
        "of_no_hit": _counts(toll.other),
        "waited_ms": toll.db_ms,
        "keys_hit": toll.keys_hit,
        "keys_missed": toll.keys_missed,
        "statements": [
            {"fingerprint": part.fingerprint, "text": " ".join(part.text.split()), **asdict(part.counts)}
            for part in toll.parts
        ],
    }


def _counts(counts: Counts | None) -> dict[str, float] | None:
    return asdict(counts) if counts is not None else None
