"""Claims: what somebody stated about the migration, and what was measured."""

from collections import Counter
from typing import NamedTuple

from harness.record.outcome import Outcome
from harness.verdict.judge import ClaimCheck, ClaimOutcome, Verdict
from reports import formatting
from reports.sections.targets import TargetRow, target_row

OUTCOMES = {
    ClaimOutcome.CONFIRMED: Outcome.PASS,
    ClaimOutcome.REFUTED: Outcome.FAIL,
    ClaimOutcome.NOT_DECIDED: Outcome.INCONCLUSIVE,
    ClaimOutcome.NOT_MEASURED: Outcome.INCONCLUSIVE,
}


class ClaimRow(NamedTuple):
    """One claim with its figures, its result, and the targets that measure it."""

    id: str
    says: str
    claimed: str
    holding: str
    mark: str
    outcome: str
    measured: tuple[TargetRow, ...]
    unmeasured: str


def claim_rows(verdict: Verdict) -> tuple[ClaimRow, ...]:
    """The claims of a plan, in its order."""
    return tuple(_row(check) for check in verdict.claims)


def claims_tally(verdict: Verdict) -> str:
    """How many claims had which result: ``3 confirmed, 1 refuted``; empty without claims."""
    counts = Counter(check.outcome for check in verdict.claims)
    return ", ".join(f"{counts[holding]} {holding.value}" for holding in ClaimOutcome if counts[holding])


def _row(check: ClaimCheck) -> ClaimRow:
    claim, outcome = check.claim, OUTCOMES[check.outcome]
    figures = [formatting.plain(text) for text in (claim.before, claim.after) if text]
    return ClaimRow(
        id=formatting.plain(claim.id),
        says=formatting.plain(claim.says),
        claimed=" → ".join(figures),
        holding=check.outcome.value,
        mark=formatting.MARKS[outcome],
        outcome=outcome.value,
        measured=tuple(target_row(number, part) for number, part in enumerate(check.checks, start=1)),
        unmeasured=formatting.plain(claim.unmeasured or ""),
    )
