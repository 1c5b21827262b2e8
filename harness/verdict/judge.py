"""Verdict: every target and every claim judged, and the run as a whole."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from harness.analysis.answers import AnswerOutcome, ResponseAgreement
from harness.analysis.comparison import Comparison
from harness.analysis.noise import differences_of, earlier_differences, floors_of, place_of, unequal_arms
from harness.analysis.statuses import Statuses
from harness.analysis.summary import Summary
from harness.evidence.evidence import Evidence
from harness.evidence.indexes import index_caveats
from harness.finding import Finding
from harness.plan.model import Plan
from harness.plan.targets import Claim
from harness.record.generation import LostWorker
from harness.record.noise import Noise
from harness.record.outcome import Outcome
from harness.record.setup import Setup
from harness.record.trial import Incident
from harness.record.unavailable import UnavailableReading, not_read
from harness.verdict.aborts import AbortedLeg
from harness.verdict.arrivals import stages_lacking_arrivals
from harness.verdict.caveats import ARMS_ALIKE, caveats_of_migration, caveats_of_run
from harness.verdict.checks import Check, Repeat, RuleInputs
from harness.verdict.evictions import decides, statements_evicted
from harness.verdict.guards import NO_BLOCK, broken_guards
from harness.verdict.rules import RULES_OF_CLAIMS, caveats_of_noise, check_targets

RESPONSE_OUTCOMES = {
    AnswerOutcome.SAME: Outcome.PASS,
    AnswerOutcome.DIFFERENT: Outcome.FAIL,
    AnswerOutcome.PARTED: Outcome.INCONCLUSIVE,
    AnswerOutcome.SHORT: Outcome.INCONCLUSIVE,
    AnswerOutcome.NOTHING: Outcome.INVALID,
    AnswerOutcome.MISSING: Outcome.INVALID,
}


class ClaimOutcome(StrEnum):
    """What the measurement says of a claim."""

    CONFIRMED = "holds"
    REFUTED = "does not hold"
    NOT_DECIDED = "cannot tell"


@dataclass(frozen=True, slots=True)
class ClaimCheck:
    """One claim against the measurement; no checks when nothing measures it."""

    claim: Claim
    outcome: ClaimOutcome
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """All targets judged, the answers, and all claims; claims and advisory targets do not count towards the outcome."""

    outcome: Outcome
    checks: tuple[Check, ...]
    claims: tuple[ClaimCheck, ...]
    caveats: tuple[Finding, ...]
    breaches: tuple[Finding, ...]
    agreement: ResponseAgreement | None = None
    """The answers of both arms side by side; ``None``: the plan does not compare them."""
    aborts: tuple[AbortedLeg, ...] = ()

    @property
    def answers(self) -> Outcome | None:
        """What the answers alone come to."""
        return RESPONSE_OUTCOMES[self.agreement.outcome] if self.agreement else None

    @property
    def required(self) -> list[Check]:
        """The checks that count towards the outcome."""
        return [check for check in self.checks if check.target.required]

    @property
    def advisory(self) -> list[Check]:
        """The checks that count towards nothing."""
        return [check for check in self.checks if not check.target.required]

    def count(self, outcome: Outcome) -> int:
        """How many of the required checks came out so."""
        return sum(check.outcome is outcome for check in self.required)


@dataclass(frozen=True, slots=True)
class Problems:
    """What went wrong in a run, as it was recorded.

    Attributes:
        lost_workers: workers of the generator that were lost.
        incidents: what happened to containers and servers under load.
        unsound: what is wrong with the record, or with the load of a leg.
        aborts: legs that a limit of the plan ended early.
        unavailable: what servers did not report.
    """

    lost_workers: Sequence[LostWorker] = ()
    incidents: Sequence[Incident] = ()
    unsound: Sequence[Finding] = ()
    aborts: Sequence[AbortedLeg] = ()
    unavailable: Sequence[UnavailableReading] = ()


@dataclass(frozen=True, slots=True)
class Measurement:
    """All that a run is judged by.

    Attributes:
        plan: what was asked.
        setup: on what it ran.
        summary: percentiles and rates per arm, block, stage and endpoint.
        comparison: before and after side by side.
        repeat: the second measurement of what had failed.
        noise: what the control arms of earlier runs on this machine showed.
        agreement: the answers of both arms side by side; ``None``: the plan does not compare them.
        statuses: the statuses of the answers, by arm and endpoint; empty where they were not looked at.
        evidence: what servers and the migration under load showed beside the numbers.
        problems: what went wrong.
    """

    plan: Plan
    setup: Setup
    summary: Summary
    comparison: Comparison
    repeat: Repeat | None = None
    noise: Noise | None = None
    agreement: ResponseAgreement | None = None
    statuses: Sequence[Statuses] = ()
    evidence: Evidence = field(default_factory=Evidence)
    problems: Problems = field(default_factory=Problems)

    @property
    def interrupted(self) -> bool:
        """Whether the run ended before its last leg."""
        return len(self.summary.legs) + self.summary.settling.dropped_legs < self.setup.legs_planned


def judge(measured: Measurement) -> Verdict:
    """Judge every target and claim of the plan; a broken guard makes the run INVALID, and other answers fail it."""
    plan, summary, stops = measured.plan, measured.summary, tuple(measured.problems.aborts)
    own, known = differences_of(summary), earlier_differences(measured.noise)
    floors, forgotten = floors_of([*known, *own]), statements_evicted(summary)
    decisive = decides([*plan.targets, *(target for claim in plan.claims for target in claim.targets)])
    wanted = {place_of(target) for target in plan.targets if target.required}
    unequal = unequal_arms(own, floors_of(known), wanted)
    breaches = _breaches(measured, [*unequal, *([forgotten] if forgotten and decisive else [])])
    grounds = RuleInputs(
        comparison=measured.comparison,
        targets=plan.targets,
        floors=floors,
        incomplete_stages=stages_lacking_arrivals(summary),
        repeat=measured.repeat,
        statuses=measured.statuses,
        migration=measured.evidence.migration,
        interrupted=measured.interrupted,
    )
    checks = tuple(check_targets(plan.targets, grounds))
    outcomes = [check.outcome for check in checks if check.target.required] or [Outcome.INCONCLUSIVE]
    outcomes += [stop.outcome for stop in stops]
    if measured.agreement:
        outcomes.append(RESPONSE_OUTCOMES[measured.agreement.outcome])
    return Verdict(
        outcome=Outcome.INVALID if breaches else max(outcomes, key=list(Outcome).index),
        checks=checks,
        claims=tuple(_judge_claim(claim, grounds, valid=not breaches) for claim in plan.claims),
        caveats=(
            *_caveats(measured, [forgotten] if forgotten and not decisive else []),
            *caveats_of_noise(checks, floors, repeated=measured.repeat is not None),
        ),
        breaches=breaches,
        agreement=measured.agreement,
        aborts=stops,
    )


def _breaches(measured: Measurement, found: Sequence[Finding]) -> tuple[Finding, ...]:
    """What broke the run, what broke its second measurement and what ended it early, each once."""
    problems, repeat = measured.problems, measured.repeat
    own = broken_guards(
        measured.summary, problems.lost_workers, problems.incidents, measured.agreement, problems.unsound
    )
    first = [one for one in (*own, *found) if not (problems.aborts and one == NO_BLOCK)]  # it may not have come so far
    again = (
        broken_guards(repeat.summary) if repeat and repeat.summary.legs else ()
    )  # cut short in its first block: none
    return tuple(dict.fromkeys((*first, *again, *(breach for stop in problems.aborts for breach in stop.breaches))))


def _caveats(measured: Measurement, forgotten: Sequence[Finding]) -> Iterator[Finding]:
    """What is to be kept in mind of the run, beside its noise."""
    evidence = measured.evidence
    if measured.plan.arms_alike:
        yield ARMS_ALIKE
    yield from caveats_of_run(
        measured.summary,
        measured.comparison,
        measured.agreement,
        measured.statuses,
        interrupted=measured.interrupted,
    )
    yield from caveats_of_migration(evidence.migration)
    yield from forgotten
    yield from not_read(measured.problems.unavailable)
    yield from index_caveats(evidence.databases.indexes.flaws if evidence.databases else ())


def _judge_claim(claim: Claim, grounds: RuleInputs, *, valid: bool) -> ClaimCheck:
    """A claim holds when all that it says is met, and does not when one thing is clearly missed."""
    grounds = replace(grounds, targets=(*grounds.targets, *claim.targets), floors={})
    checks = tuple(check_targets(claim.targets, grounds, RULES_OF_CLAIMS))
    outcomes = {check.outcome for check in checks}
    holding = ClaimOutcome.NOT_DECIDED
    if valid and Outcome.FAIL in outcomes:
        holding = ClaimOutcome.REFUTED
    elif valid and outcomes == {Outcome.PASS}:
        holding = ClaimOutcome.CONFIRMED
    return ClaimCheck(claim, holding, checks)
