"""Verdict: every target judged, and the run as a whole.

A target passes when its whole interval is on the right side, fails when its whole interval is on the wrong side, and is
INCONCLUSIVE in between; no data is never a pass. Where the arms did not take turns, no
change is judged. Doubts are values: a reason to trust a number less, with advice.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum, StrEnum

from harness.comparison import Comparison, Pair
from harness.guard import ArrivalsWaited, Guard, allowed_lag_ms, broken_guards, unasked, waiting
from harness.metric import LATENCIES, Better, Metric, Origin, Scale, Unit
from harness.plan import ARMS, Claim, Plan, Target
from harness.statistics import Interval
from harness.summary import LegFacts, Summary
from harness.target import Form
from harness.trial import Incident, Loss, Setup

BUSY_CPU_SHARE = 0.8
BLOCKS_FOR_SIGNIFICANCE = 6
COUPLED_RPS_CHANGE = 0.1
ROUNDING = 1e-9


class Outcome(StrEnum):
    """The result of a check or of a run; the later member beats the earlier."""

    PASS = "PASS"  # noqa: S105 - an outcome, not a password
    INCONCLUSIVE = "INCONCLUSIVE"
    FAIL = "FAIL"
    INVALID = "INVALID"


class Doubt(Enum):
    """A reason to trust a number less: what was seen, and what to do about it."""

    FEW_BLOCKS = (
        "fewer than six blocks: no sign-flip p-value can fall below 0.05, the intervals are wide",
        "set load.blocks to 8, or 10 for a release",
    )
    INTERRUPTED = ("the run was interrupted: only its complete blocks are judged", "run the plan again to its end")
    NO_NOISE_FLOOR = (
        "no control arm: how much two identical arms differ on this host is not known",
        "read effects of a few percent with care",
    )
    SEQUENTIAL = (
        "sequential, unpaired: all legs of before came first, so what else changed meanwhile is in every change",
        "let the arms take turns (leave out environment.sequential), or go by the limits on after alone",
    )
    GENERATOR_LATE = (
        "the generator ran late at times: latencies contain some of its own waiting",
        "ask for less load, or use a machine with more cores",
    )
    USER_ERRORS = (
        "tasks of the users raised exceptions: what they would have asked is missing from the load",
        "read the tracebacks in logs/*.generator.log, and mend the user files",
    )
    DESCRIPTIVE = (
        "fewer than 100 samples beyond the percentile in a leg: it describes these legs and little more",
        "lengthen the stage or raise its load",
    )
    DIFFERENT_MIX = (
        "an endpoint was requested in one arm only: all requests together compare different mixes",
        "judge endpoints one by one, or make the load the same for both arms",
    )
    STEP_BROKEN = (
        "in a leg of a step between before and after a guard broke: no requests, or a generator too busy",
        "leave the steps aside; before and after are not touched by it",
    )
    COUPLED = (
        "users wait for answers, so the faster arm was asked more: latency and req/s are one finding, not two",
        "read either, not both",
    )
    IN_STEPS = (
        "what is held is known to the step: an arm may hold anything below its next stress stage",
        "add stress stages between",
    )
    LOWER_BOUND = (
        "a leg held even the largest stress stage: it may hold more, and the change be another",
        "add a larger stress stage",
    )
    MEASURED_ONCE = (
        "an arm is migrated once in a run: how much the time varies is not known",
        "run the plan again and compare",
    )


class Reason(StrEnum):
    """Why a check came out as it did."""

    HOLDS = "the whole interval meets the target"
    MISSES = "the whole interval misses the target"
    STRADDLES = "the interval contains the target: more blocks or longer stages would decide"
    WITHIN = "every leg is within the limit"
    OUTSIDE = "at least two legs are outside the limit"
    ONE_OUTSIDE = "one leg is outside the limit, the others are within it"
    ONCE_WITHIN = "measured once, within the limit"
    ONCE_OUTSIDE = "measured once, outside the limit"
    NO_DATA = "nothing was measured here"
    TOO_FEW = "too few samples in a leg for this metric"
    NO_INTERVAL = "one block has no interval"
    NO_RATIO = "a value of zero has no ratio"
    SEQUENTIAL = (
        "before and after did not take turns, and how much this system changes by itself is not known: "
        "measure them in turns, or state a limit for after"
    )
    UNBOUNDED = "the largest stress stage was held: how much more would be is not known"
    UNRECOVERED = "a leg was over before that had happened: how long it takes is not known"
    UNASKED = "more than 1 % of the arrivals of after never began, and what never began has no latency"
    VOID = "void: the error target fails, and errors answer fast"


class Holding(StrEnum):
    """What the measurement says of a claim."""

    HOLDS = "holds"
    DOES_NOT_HOLD = "does not hold"
    CANNOT_TELL = "cannot tell"


class Breach(Enum):
    """A broken guard: the measurement cannot be used."""

    NO_BLOCK = ("no block was completed", "run the plan again")
    NO_REQUESTS = ("a leg made no request", "check the user files: do their tasks send anything?")
    NOTHING_MEASURED = (
        "no request was due in a measured stage",
        "lengthen the stages or shorten their warm-up",
    )
    GENERATOR_BUSY = (
        f"the generator used more than {BUSY_CPU_SHARE:.0%} of a core: it was measuring itself",
        "ask for less load, or use a machine with more cores",
    )


@dataclass(frozen=True, slots=True)
class WorkerLost:
    """A broken guard that names who broke it; reads like a ``Breach``."""

    loss: Loss

    @property
    def name(self) -> str:
        """As of a member of ``Breach``."""
        return "WORKER_LOST"

    @property
    def value(self) -> tuple[str, str]:
        """What was seen, and what to do about it."""
        loss = self.loss
        return (
            f"{loss.worker} was lost {loss.second:.0f} s into leg {loss.leg}: {loss.how}",
            f"read logs/{loss.leg}.generator.log and the worker's own, and run the plan again",
        )


@dataclass(frozen=True, slots=True)
class ContainerStruck:
    """A broken guard that names a container which something happened to under load; reads like a ``Breach``."""

    incident: Incident

    @property
    def name(self) -> str:
        """As of a member of ``Breach``."""
        return "CONTAINER_STRUCK"

    @property
    def value(self) -> tuple[str, str]:
        """What was seen, and what to do about it."""
        struck = self.incident
        return (
            f"{struck.service} {struck.what} {struck.second:.0f} s into leg {struck.leg}: the leg measured that too",
            f"read logs/{struck.leg}.{struck.service}.log; raise its limits, or mend the service",
        )


AnyBreach = Breach | WorkerLost | ContainerStruck | Guard
AnyDoubt = Doubt | ArrivalsWaited
"""Texts that stand alone, and those with the numbers of a run: all have a ``name`` and, as ``value``, two texts."""


@dataclass(frozen=True, slots=True)
class Check:
    """One target judged; the numbers behind it are in ``pair``."""

    target: Target
    outcome: Outcome
    reason: Reason
    pair: Pair | None
    doubts: tuple[Doubt, ...]


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
    struck = [ContainerStruck(incident) for incident in incidents]
    breaches: tuple[AnyBreach, ...] = (*map(WorkerLost, losses), *struck, *_breaches(summary))
    silent = unasked(summary)
    checks = tuple(_judge_all(plan.targets, comparison, silent))
    if breaches:
        outcome = Outcome.INVALID
    elif not checks:
        outcome = Outcome.INCONCLUSIVE
    else:
        rank = list(Outcome)
        outcome = max((check.outcome for check in checks), key=rank.index)
    claims = tuple(_judge_claim(claim, comparison, silent, valid=not breaches) for claim in plan.claims)
    return Verdict(outcome, checks, claims, tuple(_doubts(setup, summary, comparison)), breaches)


def _breaches(summary: Summary) -> Iterator[Breach | Guard]:
    if not summary.legs:
        yield Breach.NO_BLOCK
        return
    yield from _broken(summary, [leg for leg in summary.legs if leg.leg.arm in ARMS])


def _broken(summary: Summary, legs: Sequence[LegFacts]) -> Iterator[Breach | Guard]:
    if any(leg.requests == 0 for leg in legs):
        yield Breach.NO_REQUESTS
    elif any(summary.row(leg.leg.arm, leg.leg.block, None, None) is None for leg in legs):
        yield Breach.NOTHING_MEASURED
    if any(leg.cpu_share > BUSY_CPU_SHARE for leg in legs):
        yield Breach.GENERATOR_BUSY
    yield from broken_guards(summary, legs)


def _doubts(setup: Setup, summary: Summary, comparison: Comparison) -> Iterator[AnyDoubt]:
    if len(summary.legs) < setup.legs_planned:
        yield Doubt.INTERRUPTED
    if comparison.blocks < BLOCKS_FOR_SIGNIFICANCE:
        yield Doubt.FEW_BLOCKS
    if comparison.sequential:
        yield Doubt.SEQUENTIAL
    yield Doubt.NO_NOISE_FLOOR
    asked = {arm: {row.endpoint for row in summary.rows if row.arm == arm and row.block is None} for arm in ARMS}
    if asked["before"] != asked["after"]:
        yield Doubt.DIFFERENT_MIX
    if any(_broken(summary, [leg for leg in summary.legs if leg.leg.arm not in ARMS])):
        yield Doubt.STEP_BROKEN
    if any(leg.user_errors for leg in summary.legs):
        yield Doubt.USER_ERRORS
    if waited := waiting(summary):
        yield waited
    for leg in summary.legs:
        row = summary.row(leg.leg.arm, leg.leg.block, None, None)
        if leg.lag_p99_ms > allowed_lag_ms(row.p50_ms if row else None):
            yield Doubt.GENERATOR_LATE
            return


def _judge_all(
    targets: tuple[Target, ...], comparison: Comparison, silent: frozenset[str] = frozenset()
) -> list[Check]:
    """All targets; in ``silent`` stages a good latency is that of the requests that were made, and proves nothing."""
    checks = [_unproven(_judge(target, comparison), silent) for target in targets]
    failing = [
        check.target
        for check in checks
        if check.outcome is Outcome.FAIL and check.target.expectation.metric.scale is Scale.PROPORTION
    ]
    return [
        Check(check.target, Outcome.INCONCLUSIVE, Reason.VOID, check.pair, check.doubts)
        if check.target.expectation.metric.name in LATENCIES and any(_overlap(check.target, f) for f in failing)
        else check
        for check in checks
    ]


def _unproven(check: Check, silent: frozenset[str]) -> Check:
    in_latency = check.target.expectation.metric.name in LATENCIES and check.outcome is Outcome.PASS
    touched = silent if check.target.stage is None else silent & {check.target.stage}
    if not in_latency or not touched:
        return check
    return replace(check, outcome=Outcome.INCONCLUSIVE, reason=Reason.UNASKED)


def _judge_claim(claim: Claim, comparison: Comparison, silent: frozenset[str], *, valid: bool) -> ClaimCheck:
    """A claim holds when all that it says is met, and does not when one thing is clearly missed."""
    checks = tuple(_judge_all(claim.targets, comparison, silent))
    outcomes = {check.outcome for check in checks}
    holding = Holding.CANNOT_TELL
    if valid and Outcome.FAIL in outcomes:
        holding = Holding.DOES_NOT_HOLD
    elif valid and outcomes == {Outcome.PASS}:
        holding = Holding.HOLDS
    return ClaimCheck(claim, holding, checks)


def _overlap(one: Target, other: Target) -> bool:
    same_stage = one.stage == other.stage or None in {one.stage, other.stage}
    return same_stage and (one.endpoint == other.endpoint or None in {one.endpoint, other.endpoint})


def _judge(target: Target, comparison: Comparison) -> Check:
    metric, form = target.expectation.metric, target.expectation.form
    pair = comparison.pair(metric.name, target.stage, target.endpoint)
    after_only = form is Form.ABSOLUTE
    if pair is None or pair.after is None or (pair.before is None and not after_only):
        return Check(target, Outcome.INCONCLUSIVE, Reason.NO_DATA, pair, ())
    doubts = tuple(_doubts_of(pair, comparison, relative=not after_only))
    if pair.least_requests < metric.least:
        return Check(target, Outcome.INCONCLUSIVE, Reason.TOO_FEW, pair, doubts)
    if comparison.sequential and not after_only:  # until a noise floor is known that the change could exceed
        return Check(target, Outcome.INCONCLUSIVE, Reason.SEQUENTIAL, pair, doubts)
    outcome, reason = _absolute(target, pair) if after_only else _relative(target, pair)
    return Check(target, outcome, reason, pair, doubts)


def _doubts_of(pair: Pair, comparison: Comparison, *, relative: bool) -> Iterator[Doubt]:
    if pair.least_requests < pair.metric.solid:
        yield Doubt.DESCRIPTIVE
    if relative and pair.metric.name in LATENCIES and not comparison.open:
        rps = comparison.pair("rps", pair.stage, pair.endpoint)
        if rps and rps.change and abs(rps.change.value - 1) > COUPLED_RPS_CHANGE:
            yield Doubt.COUPLED
    if relative and pair.metric.origin is Origin.STRESS:
        yield Doubt.IN_STEPS
        if any(block.before_at_least or block.after_at_least for block in pair.blocks):
            yield Doubt.LOWER_BOUND
    if pair.metric.origin is Origin.MIGRATION and pair.metric.unit is Unit.SECONDS:
        yield Doubt.MEASURED_ONCE


def _absolute(target: Target, pair: Pair) -> tuple[Outcome, Reason]:
    if pair.metric.origin is Origin.MIGRATION and pair.after is not None:
        met = target.expectation.allows(pair.after)
        return (Outcome.PASS, Reason.ONCE_WITHIN) if met else (Outcome.FAIL, Reason.ONCE_OUTSIDE)
    if _judged_by_leg(pair.metric):
        return _legs(target, pair)
    if pair.after_interval is None:
        return Outcome.INCONCLUSIVE, Reason.NO_INTERVAL
    return _side(pair.after_interval, target.expectation.limit, below=target.expectation.below)


def _judged_by_leg(metric: Metric) -> bool:
    return metric.unit is Unit.COUNT or metric.by_leg


def _legs(target: Target, pair: Pair) -> tuple[Outcome, Reason]:
    """Work per request is nearly deterministic, load is held in steps, a leg recovers once: an interval says little.

    So every leg has to be within the limit, and one stray leg is no proof.
    """
    outside = sum(not target.expectation.allows(block.after) for block in pair.blocks)
    if not pair.blocks:
        return Outcome.INCONCLUSIVE, Reason.NO_DATA
    if outside == 0 and target.expectation.below and any(block.after_at_least for block in pair.blocks):
        return Outcome.INCONCLUSIVE, Reason.UNRECOVERED
    if outside == 0:
        return Outcome.PASS, Reason.WITHIN
    return (Outcome.INCONCLUSIVE, Reason.ONE_OUTSIDE) if outside == 1 else (Outcome.FAIL, Reason.OUTSIDE)


def _relative(target: Target, pair: Pair) -> tuple[Outcome, Reason]:
    change = pair.change
    if change is None:
        bounds = any(block.before_at_least for block in pair.blocks)
        return Outcome.INCONCLUSIVE, unbounded(pair) if bounds else Reason.NO_RATIO
    if change.low is None or change.high is None:
        return Outcome.INCONCLUSIVE, Reason.NO_INTERVAL
    low, high = wanted_ratios(target, pair)
    below = high < math.inf
    outcome, reason = _side(Interval(change.value, change.low, change.high), high if below else low, below=below)
    unproven = Outcome.FAIL if pair.metric.better is Better.HIGHER else Outcome.PASS
    if outcome in {unproven, Outcome.INCONCLUSIVE} and any(block.after_at_least for block in pair.blocks):
        return Outcome.INCONCLUSIVE, unbounded(pair)
    return outcome, reason


def unbounded(pair: Pair) -> Reason:
    """Why a pair with lower bounds decides nothing."""
    return Reason.UNRECOVERED if pair.metric.origin is Origin.FAULT else Reason.UNBOUNDED


def wanted_ratios(target: Target, pair: Pair) -> tuple[float, float]:
    """The ratios after / before that meet a target, as ``(low, high)``; for a limit, those of it to ``pair.before``."""
    expectation, before = target.expectation, pair.before or 1.0
    below = expectation.below
    match expectation.form:
        case Form.ABSOLUTE:
            limit = expectation.limit / before
        case Form.IMPROVEMENT:
            limit = 1 - expectation.limit if below else 1 + expectation.limit
        case Form.NO_REGRESSION:
            allowed = max(expectation.limit, expectation.floor / before)
            limit = 1 - allowed if below else 1 + allowed
            below = not below
    return (0.0, limit) if below else (max(limit, 0.0), math.inf)


def _side(interval: Interval, limit: float, *, below: bool) -> tuple[Outcome, Reason]:
    slack = abs(limit) * ROUNDING  # blocks that agree leave a point, which logarithms and back move by a digit
    holds = interval.high <= limit + slack if below else interval.low >= limit - slack
    misses = interval.low > limit + slack if below else interval.high < limit - slack
    if holds:
        return Outcome.PASS, Reason.HOLDS
    return (Outcome.FAIL, Reason.MISSES) if misses else (Outcome.INCONCLUSIVE, Reason.STRADDLES)
