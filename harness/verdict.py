"""Verdict: every target and every claim judged, and the run as a whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from harness.breach import AnyBreach, breaches_of
from harness.check import Check, Outcome, check_targets
from harness.comparison import Comparison
from harness.doubt import AnyDoubt, doubts_of_run
from harness.guard import unasked
from harness.plan import Claim, Plan
from harness.summary import Summary
from harness.trial import Incident, Loss, Setup


class Holding(StrEnum):
    """What the measurement says of a claim."""

    HOLDS = "holds"
    DOES_NOT_HOLD = "does not hold"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True)
class ClaimCheck:
    """One claim against the measurement; no checks when nothing measures it."""

    claim: Claim
    holding: Holding
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """All targets judged, and all claims; claims do not count towards the outcome."""

    outcome: Outcome
    checks: tuple[Check, ...]
    claims: tuple[ClaimCheck, ...]
    doubts: tuple[AnyDoubt, ...]
    breaches: tuple[AnyBreach, ...]

    def count(self, outcome: Outcome) -> int:
        """How many checks came out so."""
        return sum(check.outcome is outcome for check in self.checks)


def judge(
    plan: Plan,
    setup: Setup,
    summary: Summary,
    comparison: Comparison,
    losses: Sequence[Loss] = (),
    *,
    incidents: Sequence[Incident] = (),
) -> Verdict:
    """Judge every target of the plan; workers that were lost in any leg break the run."""
    breaches = breaches_of(summary, losses, incidents)
    silent = unasked(summary)
    checks = tuple(check_targets(plan.targets, comparison, silent))
    if breaches:
        outcome = Outcome.INVALID
    elif not checks:
        outcome = Outcome.INCONCLUSIVE
    else:
        rank = list(Outcome)
        outcome = max((check.outcome for check in checks), key=rank.index)
    claims = tuple(_judge_claim(claim, comparison, silent, valid=not breaches) for claim in plan.claims)
    return Verdict(outcome, checks, claims, tuple(doubts_of_run(setup, summary, comparison)), breaches)


def _judge_claim(claim: Claim, comparison: Comparison, silent: frozenset[str], *, valid: bool) -> ClaimCheck:
    """A claim holds when all that it says is met, and does not when one thing is clearly missed."""
    checks = tuple(check_targets(claim.targets, comparison, silent))
    outcomes = {check.outcome for check in checks}
    holding = Holding.CANNOT_TELL
    if valid and Outcome.FAIL in outcomes:
        holding = Holding.DOES_NOT_HOLD
    elif valid and outcomes == {Outcome.PASS}:
        holding = Holding.HOLDS
    return ClaimCheck(claim, holding, checks)
