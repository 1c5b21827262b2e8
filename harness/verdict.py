"""Verdict: every target and every claim judged, and the run as a whole."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from harness.answers.agreement import Agreement, AnswerOutcome
from harness.comparison import Comparison
from harness.evidence.ledger import Flaw, index_caveats
from harness.evidence.rehearsal import Rehearsal
from harness.evidence.unread import Unread, not_read
from harness.finding import Finding
from harness.generation import Loss
from harness.judging.breach import NO_BLOCK, breaches_of
from harness.judging.check import Check, Outcome, check_targets
from harness.judging.doubt import ARMS_ALIKE, caveats_of_migration, caveats_of_run
from harness.judging.evictions import decides, evicted
from harness.judging.guard import unasked
from harness.judging.noise import Floor, Noise, Place, differences_of, floors_of, place_of, unequal_arms
from harness.judging.primary import corrected
from harness.judging.proof import proven
from harness.judging.rehearsed import told_by_rehearsal
from harness.judging.stability import against_noise, caveats_of_noise, confirmed, suspects
from harness.judging.stop import Stop
from harness.measures.replies import Replies
from harness.parts.target import Claim, Target
from harness.plan import Plan
from harness.setup import Setup
from harness.summary import Summary
from harness.trial import Incident

ANSWERED = {
    AnswerOutcome.SAME: Outcome.PASS,
    AnswerOutcome.DIFFERENT: Outcome.FAIL,
    AnswerOutcome.PARTED: Outcome.INCONCLUSIVE,
    AnswerOutcome.SHORT: Outcome.INCONCLUSIVE,
    AnswerOutcome.NOTHING: Outcome.INVALID,
    AnswerOutcome.MISSING: Outcome.INVALID,
}


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
    """All targets judged, the answers, and all claims; claims and advisory targets do not count towards the outcome."""

    outcome: Outcome
    checks: tuple[Check, ...]
    claims: tuple[ClaimCheck, ...]
    caveats: tuple[Finding, ...]
    breaches: tuple[Finding, ...]
    agreement: Agreement | None = None
    """The answers of both arms side by side; ``None``: the plan does not compare them."""
    stops: tuple[Stop, ...] = ()

    @property
    def answers(self) -> Outcome | None:
        """What the answers alone come to."""
        return ANSWERED[self.agreement.outcome] if self.agreement else None

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
class Repeat:
    """What was measured once more, in blocks of their own; ``complete`` when all that were begun are there."""

    summary: Summary
    comparison: Comparison
    complete: bool


def judge(
    plan: Plan,
    setup: Setup,
    summary: Summary,
    comparison: Comparison,
    losses: Sequence[Loss] = (),
    *,
    incidents: Sequence[Incident] = (),
    noise: Noise | None = None,
    repeat: Repeat | None = None,
    agreement: Agreement | None = None,
    unsound: Sequence[Finding] = (),
    replies: Sequence[Replies] = (),
    stops: Sequence[Stop] = (),
    unread: Sequence[Unread] = (),
    flaws: Sequence[Flaw] = (),
    rehearsal: Rehearsal | None = None,
) -> Verdict:
    """Judge every target of the plan; what was lost or is unsound breaks the run, and other answers fail it.

    ``noise`` is what earlier runs say of this machine, ``repeat`` the second measurement of what had failed, ``stops``
    what ended the run early, ``unread`` what servers did not tell, ``flaws`` what is wrong with indexes,
    ``rehearsal`` the migration under load.
    """
    own, known = differences_of(summary), [one for run in noise.runs for one in run.differences] if noise else []
    floors, wanted = floors_of([*known, *own]), {place_of(target) for target in plan.targets if target.required}
    unequal = unequal_arms(own, floors_of(known), wanted)
    forgotten = [found] if (found := evicted(summary)) else []
    counted = decides([*plan.targets, *(target for claim in plan.claims for target in claim.targets)])
    broken = (*breaches_of(summary, losses, incidents, agreement, unsound), *unequal, *(forgotten if counted else ()))
    breaches = _all_breaches(broken, repeat, stops)
    silent = unasked(summary)
    interrupted = len(summary.legs) + summary.settling.dropped_legs < setup.legs_planned

    def shown(checks: Iterable[Check], targets: Sequence[Target]) -> tuple[Check, ...]:
        everything = (*plan.targets, *targets)
        return proven(told_by_rehearsal(checks, rehearsal, everything), replies, everything, interrupted=interrupted)

    checks = tuple(against_noise(c, floors) for c in corrected(check_targets(plan.targets, comparison, silent, floors)))
    if repeat:
        checks = tuple(_said_twice(checks, repeat, floors))
    checks = shown(checks, plan.targets)
    outcomes = [check.outcome for check in checks if check.target.required] or [Outcome.INCONCLUSIVE]
    outcomes += [stop.outcome for stop in stops]
    if agreement:
        outcomes.append(ANSWERED[agreement.outcome])
    outcome = Outcome.INVALID if breaches else max(outcomes, key=list(Outcome).index)
    claims = tuple(
        _judge_claim(claim, shown(check_targets(claim.targets, comparison, silent), claim.targets), valid=not breaches)
        for claim in plan.claims
    )
    alike = (ARMS_ALIKE,) if plan.arms_alike else ()
    said = (*caveats_of_run(setup, summary, comparison, agreement, replies), *caveats_of_migration(rehearsal))
    of_servers = (*([] if counted else forgotten), *not_read(unread), *index_caveats(flaws))
    caveats = (*alike, *said, *of_servers, *caveats_of_noise(checks, floors, repeated=repeat is not None))
    return Verdict(outcome, checks, claims, caveats, breaches, agreement, tuple(stops))


def _all_breaches(first: Sequence[Finding], repeat: Repeat | None, stops: Sequence[Stop]) -> tuple[Finding, ...]:
    """What broke the run, what broke its second measurement and what ended it early, each once."""
    found = [breach for breach in first if not (stops and breach == NO_BLOCK)]  # it may not have come so far
    more = [breach for stop in stops for breach in stop.breaches]
    if repeat and repeat.summary.legs:  # cut short in its first block it broke nothing
        more = [*breaches_of(repeat.summary), *more]
    for breach in more:
        if breach not in found:
            found.append(breach)
    return tuple(found)


def _said_twice(checks: Sequence[Check], repeat: Repeat, floors: Mapping[Place, Floor]) -> Iterator[Check]:
    """The checks, of which those that failed on a change stand only where they failed again."""
    doubtful = suspects(checks)
    targets = [check.target for check in doubtful]
    silent = unasked(repeat.summary)
    second = check_targets(targets, repeat.comparison, silent, floors) if repeat.complete else []
    again = iter([against_noise(check, floors) for check in second])
    for check in checks:
        yield confirmed(check, next(again, None)) if check in doubtful else check


def _judge_claim(claim: Claim, checks: tuple[Check, ...], *, valid: bool) -> ClaimCheck:
    """A claim holds when all that it says is met, and does not when one thing is clearly missed."""
    outcomes = {check.outcome for check in checks}
    holding = Holding.CANNOT_TELL
    if valid and Outcome.FAIL in outcomes:
        holding = Holding.DOES_NOT_HOLD
    elif valid and outcomes == {Outcome.PASS}:
        holding = Holding.HOLDS
    return ClaimCheck(claim, holding, checks)
