"""``evidence.json``, ``statements.json``, ``indexes.json``, ``plans.json`` and ``rehearsal.json``."""

from dataclasses import asdict
from typing import Any

from harness.analysis.request_cost import RequestCost
from harness.analysis.summary import Summary
from harness.evidence.catalogue import DatabaseEvidence
from harness.evidence.causes import Cause
from harness.evidence.evidence import Evidence
from harness.evidence.indexes import IndexUse
from harness.evidence.migration import MigrationUnderLoad
from harness.evidence.query_plans import PlanChange, accesses
from harness.record.query_plans import ExplainedStatement
from reports.json.fields import SCHEMA, fields
from reports.sections.migration import sentence
from reports.sections.query_plans import plan_tree, words


def evidence_record(evidence: Evidence) -> dict[str, Any]:
    """Causes, costs, cache keys and N+1 by endpoint and arm: ms, buffers of 8 kB, WAL bytes; shares are fractions."""
    return {
        "schema": SCHEMA,
        "causes": [_cause(cause) for cause in evidence.causes],
        "request_costs": [_cost(arm, cost) for arm, costs in evidence.request_costs.items() for cost in costs.values()],
        "keys": [{"arm": arm, **asdict(use)} for arm, uses in evidence.keys.items() for use in uses],
        "equal_arms_differ": asdict(evidence.control_difference) if evidence.control_difference else None,
        "repeated": [
            {"arm": arm, **asdict(found)} for arm, some in evidence.repeated.items() for found in some.values()
        ],
    }


def _cause(cause: Cause) -> dict[str, Any]:
    return {
        **fields(cause, "endpoint", "latency=latency.metric.name"),
        "latency_ms": [cause.latency.before, cause.latency.after],
        **fields(cause, "mean_ms=mean", "database_ms=database", "explained=database_share"),
        "shares": {share.kind.value: share.share for share in cause.shares},
        **fields(cause, "cache_hit_rate=hits", "statements"),
        "repeated": [found is not None for found in cause.repeated],
        "indexes": cause.indexes,
    }


def _cost(arm: str, cost: RequestCost) -> dict[str, Any]:
    counts = ("each", "of_a_hit=hit", "of_no_hit=other", "waited_ms=db_ms", "keys_hit", "keys_missed")
    statements = [
        {"fingerprint": part.fingerprint, "text": " ".join(part.text.split()), **asdict(part.counts)}
        for part in cost.parts
    ]
    return {"arm": arm, **fields(cost, "endpoint", "requests", "hits", *counts), "statements": statements}


def statements_record(summary: Summary) -> dict[str, Any]:
    """``statements.json``: statements and server statistics by arm."""
    statements = [asdict(use) for use in summary.statements]
    return {"schema": SCHEMA, "statements": statements, "servers": [asdict(report) for report in summary.servers]}


def indexes_record(findings: DatabaseEvidence) -> dict[str, Any]:
    """``indexes.json``: each index of after, its cost and use; rates are per request."""
    ledger = findings.indexes
    return {
        "schema": SCHEMA,
        **fields(findings, "requests", "ablated"),
        "indexes": [_index(entry) for entry in ledger.entries],
        "gone": [fields(index, "service", "name", "on=shown") for index in ledger.removed],
        "foreign_keys_without_index": [
            fields(key, "service", "name", "table", "columns") for key in ledger.unindexed_keys
        ],
    }


def _index(entry: IndexUse) -> dict[str, Any]:
    counts = ("pages_with", "pages_without", "wal_bytes_with=wal_with", "wal_bytes_without=wal_without")
    endpoints = entry.ablated.endpoints if entry.ablated else ()
    without = [fields(one, "endpoint", "requests", *counts) for one in endpoints]
    return {
        **fields(entry.index, "service", "name", "on=shown"),
        "made_by_migration": entry.created,
        "findings": [
            {"finding": flaw.kind.value, "other": flaw.other.name if flaw.other else None} for flaw in entry.flaws
        ],
        "needed": entry.needed or None,
        **fields(entry.index, "valid", "size_bytes"),
        "build_seconds": entry.seconds,
        "scans": entry.use.scans if entry.use else None,
        "entries_read": entry.use.entries if entry.use else None,
        "without": without if entry.ablated else None,
    }


def plans_record(findings: DatabaseEvidence) -> dict[str, Any]:
    """``plans.json``: each statement with its query plan in both arms."""
    statements = [_statement(change, findings) for change in findings.plan_changes]
    return {"schema": SCHEMA, "missing": findings.plans_missing, "statements": statements}


def _statement(change: PlanChange, findings: DatabaseEvidence) -> dict[str, Any]:
    either = change.either
    return {
        **fields(either, "fingerprint", "service", "statement=text"),
        "endpoints": list(findings.endpoints.get((either.service, either.fingerprint), ())),
        "same": change.same,
        "estimated": either.estimated,
        "words": words(change),
        "before": _explained(change.before),
        "after": _explained(change.after),
    }


def _explained(explained: ExplainedStatement | None) -> dict[str, Any] | None:
    if explained is None:
        return None
    return {
        **fields(explained, "ms", "calls", "pages=root.pages"),
        "rows_examined": None if explained.estimated else explained.root.examined,
        "cost": explained.root.cost,
        "tables": [
            {"table": one.relation, "way": one.scan, "index": one.index or None, "rows": one.rows}
            for one in accesses(explained.root)
        ],
        "plan": list(plan_tree(explained.root)),
    }


def migration_record(rehearsal: MigrationUnderLoad) -> dict[str, Any]:
    """The record and its analysis; times of ``steps`` are Unix seconds, of ``losses`` seconds of the leg."""
    record = asdict(rehearsal.record)
    return {
        "schema": SCHEMA,
        "sentence": sentence(rehearsal),
        "failed": rehearsal.failed or None,
        "rolled_back_as_before": rehearsal.rolled_back,
        "losses": [asdict(loss) for loss in rehearsal.losses],
        "answers": fields(rehearsal.agreement.total, "asked", "equal") if rehearsal.agreement else None,
        **{name: record[name] for name in ("stage", "origin", "steps", "differences", "lints", "linted")},
    }
