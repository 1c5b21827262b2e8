"""The verdict of a run: every target and claim judged, guards, caveats, and the outcome."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from harness.analysis.answers import AnswerOutcome, ResponseAgreement
from harness.analysis.comparison import Comparison
from harness.analysis.noise import control_findings, differences_of, earlier_differences, floors_of, place_of
from harness.analysis.statuses import Statuses
from harness.analysis.summary import Summary
from harness.evidence.evidence import Evidence
from harness.evidence.indexes import index_caveats
from harness.finding import Finding
from harness.metrics import Origin
from harness.plan.model import Plan
from harness.plan.targets import Claim
from harness.record.generation import LostWorker
from harness.record.noise import Noise
from harness.record.outcome import Outcome
from harness.record.readings import UnavailableReading, unavailable_findings
from harness.record.setup import Setup
from harness.record.trial import Incident
from harness.verdict.aborts import AbortedLeg
from harness.verdict.arrivals import stages_lacking_arrivals
from harness.verdict.caveats import ARMS_ALIKE, caveats_of_migration, caveats_of_run
from harness.verdict.guards import NO_BLOCK, broken_guards, statements_evicted
from harness.verdict.rules import RULES_OF_CLAIMS, caveats_of_noise, check_targets
from harness.verdict.targets import Check, Repeat, RuleInputs

RESPONSE_OUTCOMES = {
    AnswerOutcome.SAME: Outcome.PASS,
    AnswerOutcome.DIFFERENT: Outcome.FAIL,
    AnswerOutcome.REQUESTS_DIFFER: Outcome.INCONCLUSIVE,
    AnswerOutcome.SHORT: Outcome.INCONCLUSIVE,
    AnswerOutcome.NOTHING: Outcome.INVALID,
    AnswerOutcome.MISSING: Outcome.INVALID,
}


class ClaimOutcome(StrEnum):
    """The result of a claim."""

    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    NOT_DECIDED = "not decided"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class ClaimCheck:
    """One claim judged; without checks when nothing measures it."""

    claim: Claim
    outcome: ClaimOutcome
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of a run and all that it rests on; claims and advisory targets do not affect it."""

    outcome: Outcome
    checks: tuple[Check, ...]
    claims: tuple[ClaimCheck, ...]
    caveats: tuple[Finding, ...]
    breaches: tuple[Finding, ...]  # the guards that broke; any makes the run INVALID
    agreement: ResponseAgreement | None = None  # the response comparison; ``None`` when the plan has none
    aborts: tuple[AbortedLeg, ...] = ()  # the legs that a limit of the plan ended early

    @property
    def answers(self) -> Outcome | None:
        """The outcome of the response comparison; ``None`` when the plan has none."""
        return RESPONSE_OUTCOMES[self.agreement.outcome] if self.agreement else None

    @property
    def required(self) -> list[Check]:
        return [check for check in self.checks if check.target.required]

    @property
    def advisory(self) -> list[Check]:
        return [check for check in self.checks if not check.target.required]

    def count(self, outcome: Outcome) -> int:
        return sum(check.outcome is outcome for check in self.required)


@dataclass(frozen=True, slots=True)
class Measurement:
    """All that a run is judged by; ``noise`` are the A/A differences of earlier runs on this machine."""

    plan: Plan
    setup: Setup
    summary: Summary
    comparison: Comparison
    repeat: Repeat | None = None
    noise: Noise | None = None
    agreement: ResponseAgreement | None = None
    statuses: Sequence[Statuses] = ()
    evidence: Evidence = field(default_factory=Evidence)
    lost_workers: Sequence[LostWorker] = ()
    incidents: Sequence[Incident] = ()
    unsound: Sequence[Finding] = ()  # about its record, or about the load of a leg
    aborts: Sequence[AbortedLeg] = ()
    unavailable: Sequence[UnavailableReading] = ()

    @property
    def interrupted(self) -> bool:
        """Whether the run ended before its last leg."""
        return len(self.summary.legs) + self.summary.settling.dropped_legs < self.setup.legs_planned


def judge(measured: Measurement) -> Verdict:
    """Judge every target and claim; a broken guard makes the run INVALID, different responses fail it."""
    plan, summary, aborts = measured.plan, measured.summary, tuple(measured.aborts)
    own, known = differences_of(summary), earlier_differences(measured.noise)
    floors, evicted = floors_of([*known, *own]), statements_evicted(summary)
    targets = [*plan.targets, *(target for claim in plan.claims for target in claim.targets)]
    decisive = any(one.required and one.expectation.metric.origin is Origin.STATEMENTS for one in targets)
    unequal = control_findings(own, floors_of(known), {place_of(target) for target in plan.targets if target.required})
    breaches = _breaches(measured, [*unequal, *([evicted] if evicted and decisive else [])])
    inputs = RuleInputs(
        comparison=measured.comparison,
        targets=plan.targets,
        floors=floors,
        incomplete_stages=stages_lacking_arrivals(summary),
        repeat=measured.repeat,
        statuses=measured.statuses,
        migration=measured.evidence.migration,
        interrupted=measured.interrupted,
    )
    checks = tuple(check_targets(plan.targets, inputs))
    outcomes = [check.outcome for check in checks if check.target.required] or [Outcome.INCONCLUSIVE]
    outcomes += [abort.outcome for abort in aborts]
    if measured.agreement:
        outcomes.append(RESPONSE_OUTCOMES[measured.agreement.outcome])
    return Verdict(
        outcome=Outcome.INVALID if breaches else max(outcomes, key=list(Outcome).index),
        checks=checks,
        claims=tuple(_judge_claim(claim, inputs, valid=not breaches) for claim in plan.claims),
        caveats=(
            *_caveats(measured, [evicted] if evicted and not decisive else []),
            *caveats_of_noise(checks, floors, repeated=measured.repeat is not None),
        ),
        breaches=breaches,
        agreement=measured.agreement,
        aborts=aborts,
    )


def _breaches(measured: Measurement, found: Sequence[Finding]) -> tuple[Finding, ...]:
    """The broken guards of the run, of its second measurement and of aborted legs, each once."""
    repeat, aborts = measured.repeat, measured.aborts
    own = broken_guards(
        measured.summary, measured.lost_workers, measured.incidents, measured.agreement, measured.unsound
    )
    first = [one for one in (*own, *found) if not (aborts and one == NO_BLOCK)]  # aborted in the first block
    again = broken_guards(repeat.summary) if repeat and repeat.summary.legs else ()  # empty: cut in its first block
    return tuple(dict.fromkeys((*first, *again, *(breach for abort in aborts for breach in abort.breaches))))


def _caveats(measured: Measurement, evicted: Sequence[Finding]) -> Iterator[Finding]:
    """The caveats of the run, except those of its noise."""
    evidence = measured.evidence
    if measured.plan.arms_alike:
        yield ARMS_ALIKE
    yield from caveats_of_run(
        measured.summary, measured.comparison, measured.agreement, measured.statuses, interrupted=measured.interrupted
    )
    yield from caveats_of_migration(evidence.migration)
    yield from evicted
    yield from unavailable_findings(measured.unavailable)
    yield from index_caveats(evidence.databases.indexes.flaws if evidence.databases else ())


def _judge_claim(claim: Claim, inputs: RuleInputs, *, valid: bool) -> ClaimCheck:
    """A claim is confirmed when all its targets are met, and refuted when one is missed."""
    inputs = replace(inputs, targets=(*inputs.targets, *claim.targets), floors={})
    checks = tuple(check_targets(claim.targets, inputs, RULES_OF_CLAIMS))
    outcomes = {check.outcome for check in checks}
    outcome = ClaimOutcome.NOT_DECIDED if checks else ClaimOutcome.NOT_MEASURED
    if valid and Outcome.FAIL in outcomes:
        outcome = ClaimOutcome.REFUTED
    elif valid and outcomes == {Outcome.PASS}:
        outcome = ClaimOutcome.CONFIRMED
    return ClaimCheck(claim, outcome, checks)
