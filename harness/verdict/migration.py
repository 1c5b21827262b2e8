"""Rehearsed: the targets of the migration under load, which is tried once in a run.

Errors answer fast: where requests failed meanwhile, waiting that keeps to its limit shows nothing, unless a target says
how many may fail.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

from harness.analysis.comparison import Pair
from harness.analysis.statuses import MOST_FAILED
from harness.evidence.migration import WAYS, MigrationUnderLoad
from harness.metrics import Metric, Origin, Unit
from harness.plan.targets import Target
from harness.record.outcome import Outcome
from harness.verdict.checks import Check, Reason, RuleInputs

FAILURES = "_failures"


def judge_migration_under_load(checks: Sequence[Check], grounds: RuleInputs) -> list[Check]:
    """Judge the targets of the migration under load by what was seen of it; where it was not tried, they stay open."""
    return [
        _judged(check, grounds.migration, grounds.targets)
        if check.target.expectation.metric.origin is Origin.MIGRATION_UNDER_LOAD
        else check
        for check in checks
    ]


def _judged(check: Check, rehearsal: MigrationUnderLoad | None, targets: Collection[Target]) -> Check:
    expectation = check.target.expectation
    value = rehearsal.value(expectation.metric.name) if rehearsal else None
    if rehearsal is None or value is None:
        reason = Reason.MIGRATION_NOT_RUN if rehearsal is None else Reason.MIGRATION_FAILED
        return replace(check, outcome=Outcome.INCONCLUSIVE, reason=reason)
    pair = _pair(expectation.metric, value)
    if not expectation.allows(value) or (_strict(check) and value == expectation.limit):
        return replace(check, outcome=Outcome.FAIL, reason=Reason.SINGLE_OUTSIDE, pair=pair)
    if _hidden_by_errors(check.target, rehearsal, targets):
        return replace(check, outcome=Outcome.INCONCLUSIVE, reason=Reason.FAILED_DURING_MIGRATION, pair=pair)
    return replace(check, outcome=Outcome.PASS, reason=Reason.SINGLE_WITHIN, pair=pair)


def _hidden_by_errors(target: Target, rehearsal: MigrationUnderLoad, targets: Collection[Target]) -> bool:
    """Whether so many requests failed that waiting says little, and no target says how many may.

    One that is advisory may be missed without consequence, and so limits nothing for what is required.
    """
    way = target.expectation.metric.name.partition("_")[0]
    limited = any(
        one.expectation.metric.name == way + FAILURES and (one.required or not target.required)
        for one in (target, *targets)
    )
    loss = rehearsal.loss(WAYS[way])
    return not limited and loss is not None and loss.failures > MOST_FAILED * loss.requests


def _strict(check: Check) -> bool:
    """Whether a counted thing has to be less than the limit, which for what is measured makes no difference."""
    return check.target.expectation.metric.unit is Unit.WHOLE and "=" not in check.target.expect


def _pair(metric: Metric, value: float) -> Pair:
    return Pair(metric, None, None, None, value, None, None, None, (), metric.min_samples)
