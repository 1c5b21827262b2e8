"""The targets of the migration under load, which runs once in a run.

Errors are fast: where requests failed during the migration, short stalls show nothing, unless a target limits failures.
"""

from collections.abc import Collection
from dataclasses import replace

from harness.analysis.comparison import Pair
from harness.analysis.statuses import MOST_FAILED
from harness.evidence.migration import WAYS, MigrationUnderLoad
from harness.metrics import Metric, Origin, Unit
from harness.plan.targets import Target
from harness.verdict.targets import Check, Reason, RuleInputs, each


@each
def judge_migration_under_load(check: Check, inputs: RuleInputs) -> Check:
    """Judge a target of the migration under load; without one it stays INCONCLUSIVE."""
    expectation = check.target.expectation
    if expectation.metric.origin is not Origin.MIGRATION_UNDER_LOAD:
        return check
    migration = inputs.migration
    value = migration.value(expectation.metric.name) if migration else None
    if migration is None or value is None:
        reason = Reason.MIGRATION_NOT_RUN if migration is None else Reason.MIGRATION_FAILED
        return replace(check, reason=reason)
    check = replace(check, pair=_pair(expectation.metric, value))
    if not expectation.allows(value) or (_strict(check) and value == expectation.limit):
        return replace(check, reason=Reason.SINGLE_OUTSIDE)
    if _hidden_by_errors(check.target, migration, inputs.targets):
        return replace(check, reason=Reason.FAILED_DURING_MIGRATION)
    return replace(check, reason=Reason.SINGLE_WITHIN)


def _hidden_by_errors(target: Target, migration: MigrationUnderLoad, targets: Collection[Target]) -> bool:
    """Whether many requests failed and no target limits failures; an advisory target limits nothing required."""
    way = target.expectation.metric.name.partition("_")[0]
    limited = any(
        one.expectation.metric.name == f"{way}_failures" and (one.required or not target.required)
        for one in (target, *targets)
    )
    loss = migration.loss(WAYS[way])
    return not limited and loss is not None and loss.failures > MOST_FAILED * loss.requests


def _strict(check: Check) -> bool:
    """Whether a count has to be below its limit; for a continuous value ``<`` and ``<=`` are the same."""
    return check.target.expectation.metric.unit is Unit.WHOLE and "=" not in check.target.expect


def _pair(metric: Metric, value: float) -> Pair:
    return Pair(metric, None, None, None, value, None, None, None, (), metric.min_samples)
