"""All evidence of a run: why latencies changed, as servers reported it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.analysis.comparison import Comparison
from harness.analysis.request_cost import CostDifference, RequestCost, largest_difference, request_costs
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
    """The evidence of a run; what was not measured is empty.

    ``request_costs``: the database cost per request, by arm and endpoint; likewise ``repeated``, the N+1 statements.
    ``control_difference``: the endpoint whose cost differs most between before and control; ``None`` without control.
    """

    causes: tuple[Cause, ...] = ()
    request_costs: Mapping[str, Mapping[str, RequestCost]] = field(default_factory=dict)
    repeated: Mapping[str, Mapping[str, RepeatedStatement]] = field(default_factory=dict)
    control_difference: CostDifference | None = None
    databases: DatabaseEvidence | None = None
    alerts: tuple[AlertResult, ...] = ()
    migration: MigrationUnderLoad | None = None
    keys: Mapping[str, tuple[KeyUse, ...]] = field(default_factory=dict)  # cache lookups by arm and key pattern
    areas: tuple[Area, ...] = ()  # graded areas, the next bottleneck first


def evidence_of(
    summary: Summary,
    comparison: Comparison,
    request_work: Mapping[str, RequestWork],
    databases: DatabaseEvidence | None,
    *,
    settings: Mapping[str, str],
    alerts: tuple[AlertResult, ...],
    migration: MigrationUnderLoad | None,
) -> Evidence:
    """Combine the evidence; ``request_work`` is by arm, ``settings`` are those of PostgreSQL."""
    costs = {arm: request_costs(one) for arm, one in request_work.items()}
    repeated = {arm: repeated_statements(one) for arm, one in request_work.items()}
    keys = {arm: one.keys for arm, one in request_work.items()}
    inputs = BottleneckInputs(summary, repeated, databases, alerts, settings, migration, keys)
    indexes = indexes_used(databases) if databases else {}
    control = largest_difference(costs["before"], costs[CONTROL]) if {"before", CONTROL} <= costs.keys() else None
    return Evidence(
        areas=areas_of(inputs),
        databases=databases,
        causes=tuple(causes_of(comparison, costs, repeated, indexes)),
        request_costs=costs,
        keys=keys,
        alerts=alerts,
        migration=migration,
        control_difference=control,
        repeated=repeated,
    )
