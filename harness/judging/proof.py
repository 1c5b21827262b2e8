"""Proof: whether a target that looks met was shown to be met, by what was asked and by what was answered.

A latency, a rate, or work per request is that of the requests which were made and which count as successes. Where these
are not the ones that the target speaks of, meeting it proves nothing, and the check is INCONCLUSIVE.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from harness.judging.check import Check, Outcome, Reason
from harness.measures.replies import Replies, answered_otherwise, asked_otherwise, excused, failed_too_often
from harness.metric import Origin
from harness.parts.expectation import Form
from harness.parts.target import Target

OF_NO_REQUESTS = frozenset({Origin.START, Origin.FAULT, Origin.MIGRATION, Origin.REHEARSAL})
"""Origins of what is measured whatever was answered; all others speak of the requests that were made."""


def proven(
    checks: Iterable[Check], replies: Sequence[Replies], targets: Sequence[Target], *, interrupted: bool = False
) -> tuple[Check, ...]:
    """The checks, those that pass without a proof as INCONCLUSIVE; FAIL stays FAIL.

    Args:
        checks: as they were judged by their numbers.
        replies: what was answered, by arm and endpoint; empty where nobody looked.
        targets: of the plan; those of errors say how many may fail.
        interrupted: whether the run ended before its last leg.
    """
    return tuple(_proven(check, replies, targets, interrupted=interrupted) for check in checks)


def _proven(check: Check, replies: Sequence[Replies], targets: Sequence[Target], *, interrupted: bool) -> Check:
    if check.outcome is not Outcome.PASS:
        return check
    reason = Reason.INTERRUPTED if interrupted else _why_not(check.target, replies, targets)
    return replace(check, outcome=Outcome.INCONCLUSIVE, reason=reason) if reason else check


def _why_not(target: Target, replies: Sequence[Replies], targets: Sequence[Target]) -> Reason | None:
    metric, endpoint = target.expectation.metric, target.endpoint
    if not replies or metric.origin in OF_NO_REQUESTS:
        return None
    if target.tag is not None:  # its endpoints are as all requests of a plan that has no other
        replies = [one for one in replies if one.endpoint in (target.endpoints or ())]
    relative = target.expectation.form is not Form.ABSOLUTE
    limited = metric.of_failures or any(_covers(other, target) for other in targets)
    if not limited and failed_too_often(replies, endpoint, relative=relative):
        return Reason.ERRORS
    if excused(replies, endpoint):
        return Reason.EXCUSED
    if asked_otherwise(replies, endpoint):
        return Reason.ASKED_OTHERWISE
    return Reason.ANSWERED_OTHERWISE if answered_otherwise(replies, endpoint) else None


def _covers(errors: Target, target: Target) -> bool:
    """Whether a target of errors speaks of all requests that another target speaks of.

    One that is advisory may be missed without consequence, and so limits nothing for what is required.
    """
    return (
        errors.expectation.metric.of_failures
        and (errors.required or not target.required)
        and errors.stage in {None, target.stage}
        and (errors.endpoints is None or (target.endpoints is not None and target.endpoints <= errors.endpoints))
    )
