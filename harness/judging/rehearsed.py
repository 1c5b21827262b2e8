"""Rehearsed: the targets of the migration under load, which is tried once in a run."""

from collections.abc import Iterable
from dataclasses import replace

from harness.comparison import Pair
from harness.evidence.rehearsal import Rehearsal
from harness.judging.check import Check, Outcome, Reason
from harness.metric import Metric, Origin, Unit


def told_by_rehearsal(checks: Iterable[Check], rehearsal: Rehearsal | None) -> list[Check]:
    """The checks, with those of the migration under load judged by what was seen of it; without, they stay open."""
    return [
        _judged(check, rehearsal) if check.target.expectation.metric.origin is Origin.REHEARSAL else check
        for check in checks
    ]


def _judged(check: Check, rehearsal: Rehearsal | None) -> Check:
    expectation = check.target.expectation
    value = rehearsal.value(expectation.metric.name) if rehearsal else None
    if value is None:
        reason = Reason.NOT_REHEARSED if rehearsal is None else Reason.REHEARSAL_FAILED
        return replace(check, outcome=Outcome.INCONCLUSIVE, reason=reason)
    met = expectation.allows(value) and not (_strict(check) and value == expectation.limit)
    outcome, reason = (Outcome.PASS, Reason.ONCE_WITHIN) if met else (Outcome.FAIL, Reason.ONCE_OUTSIDE)
    return replace(check, outcome=outcome, reason=reason, pair=_pair(expectation.metric, value))


def _strict(check: Check) -> bool:
    """Whether a counted thing has to be less than the limit, which for what is measured makes no difference."""
    return check.target.expectation.metric.unit is Unit.WHOLE and "=" not in check.target.expect


def _pair(metric: Metric, value: float) -> Pair:
    return Pair(metric, None, None, None, value, None, None, None, (), metric.least)
