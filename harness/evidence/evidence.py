"""Evidence: what the servers tell of why a service got faster, beside the latency that users saw."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.analysis.comparison import Comparison
from harness.analysis.request_cost import Apart, RequestCost, apart, request_costs
from harness.analysis.summary import Summary
from harness.evidence.alerts import AlertResult
from harness.evidence.bottlenecks import Area, BottleneckInputs, areas_of
from harness.evidence.catalogue import DatabaseEvidence, indexes_used
from harness.evidence.causes import Cause, causes_of
from harness.evidence.migration import MigrationUnderLoad
from harness.evidence.n_plus_one import RepeatedStatement, repeated_statements
from harness.plan.model import CONTROL
from harness.record.cache_keys import KeyUse
from harness.record.request_work import RequestWork


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of the causes; empty is what was not looked at.

    ``request_costs`` and ``repeated`` are by arm and endpoint; ``migration`` is the migration under load.
    """

    causes: tuple[Cause, ...] = ()
    request_costs: Mapping[str, Mapping[str, RequestCost]] = field(default_factory=dict)
    repeated: Mapping[str, Mapping[str, RepeatedStatement]] = field(default_factory=dict)
    control_difference: Apart | None = None
    """Where before and its copy cost most differently; ``None`` where no copy was asked."""
    databases: DatabaseEvidence | None = None
    """Indexes and plans."""
    alerts: tuple[AlertResult, ...] = ()
    migration: MigrationUnderLoad | None = None
    keys: Mapping[str, tuple[KeyUse, ...]] = field(default_factory=dict)
    """What the caches of each arm were asked for, by pattern of key."""
    areas: tuple[Area, ...] = ()
    """What would hold the service up next."""


def evidence_of(
    comparison: Comparison,
    inspected: Mapping[str, RequestWork],
    databases: DatabaseEvidence | None = None,
    *,
    summary: Summary | None = None,
    settings: Mapping[str, str] | None = None,
    alarms: tuple[AlertResult, ...] = (),
    rehearsal: MigrationUnderLoad | None = None,
) -> Evidence:
    """Put together what was seen."""
    tolls = {arm: request_costs(one) for arm, one in inspected.items()}
    indexes = indexes_used(databases) if databases else None
    repeated = {arm: repeated_statements(one) for arm, one in inspected.items()}
    keys = {arm: one.keys for arm, one in inspected.items()}
    seen = BottleneckInputs(summary, repeated, databases, alarms, settings or {}, rehearsal, keys) if summary else None
    return Evidence(
        areas=areas_of(seen) if seen else (),
        databases=databases,
        causes=causes_of(comparison, inspected, indexes),
        request_costs=tolls,
        keys=keys,
        alerts=alarms,
        migration=rehearsal,
        control_difference=apart(tolls["before"], tolls[CONTROL]) if {"before", CONTROL} <= tolls.keys() else None,
        repeated=repeated,
    )
