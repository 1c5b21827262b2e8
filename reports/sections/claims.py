"""Claims: what somebody said the migration does, beside what was measured."""

from collections import Counter
from dataclasses import dataclass

from harness.record.outcome import Outcome
from harness.verdict.judge import ClaimCheck, ClaimOutcome, Verdict
from reports import formatting
from reports.sections.targets import TargetRow, target_row

MARKS = {
    ClaimOutcome.CONFIRMED: formatting.MARKS[Outcome.PASS],
    ClaimOutcome.REFUTED: formatting.MARKS[Outcome.FAIL],
    ClaimOutcome.NOT_DECIDED: formatting.MARKS[Outcome.INCONCLUSIVE],
    ClaimOutcome.NOT_MEASURED: formatting.MARKS[Outcome.INCONCLUSIVE],
}
OUTCOMES = {
    ClaimOutcome.CONFIRMED: Outcome.PASS,
    ClaimOutcome.REFUTED: Outcome.FAIL,
    ClaimOutcome.NOT_DECIDED: Outcome.INCONCLUSIVE,
    ClaimOutcome.NOT_MEASURED: Outcome.INCONCLUSIVE,
}


@dataclass(frozen=True, slots=True)
class ClaimRow:
    """One claim: its words and figures, what the measurement says, and what it was measured by."""

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
    """The tally of claims: ``3 confirmed, 1 refuted, 2 not decided``; empty without claims."""
    counts = Counter(check.outcome for check in verdict.claims)
    parts = (f"{counts[holding]} {holding.value}" for holding in ClaimOutcome if counts[holding])
    return ", ".join(parts)


def _row(check: ClaimCheck) -> ClaimRow:
    claim = check.claim
    figures = [formatting.plain(text) for text in (claim.before, claim.after) if text]
    return ClaimRow(
        id=formatting.plain(claim.id),
        says=formatting.plain(claim.says),
        claimed=" → ".join(figures),
        holding=check.outcome.value,
        mark=MARKS[check.outcome],
        outcome=OUTCOMES[check.outcome].value,
        measured=tuple(target_row(number, part) for number, part in enumerate(check.checks, start=1)),
        unmeasured=formatting.plain(claim.unmeasured or ""),
    )
