"""Judgement of one target.

A target passes when its whole interval is on the right side, fails when its whole interval is on the wrong side, and is
INCONCLUSIVE in between; no data is never a pass. ``rules`` lists the rules that may change this first judgement.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from harness.analysis.comparison import Comparison, Pair
from harness.analysis.noise import Floor
from harness.analysis.statuses import Statuses
from harness.analysis.summary import Summary
from harness.evidence.migration import MigrationUnderLoad
from harness.finding import Finding
from harness.metrics import Better, Origin, Unit
from harness.plan.expectation import Form
from harness.plan.targets import Target
from harness.record.noise import ComparisonPlace
from harness.record.outcome import Outcome
from harness.statistics.intervals import Interval
from harness.verdict.caveats import caveats_of_pair

ROUNDING = 1e-9


class Reason(StrEnum):
    """Why a check has its outcome, which follows from it."""

    MET = "the whole interval meets the target"
    MISSED = "the whole interval misses the target"
    STRADDLES = "the interval contains the target: more blocks or longer stages would decide"
    WITHIN = "every leg is within the limit"
    OUTSIDE = "at least two legs are outside the limit"
    ONE_OUTSIDE = "one leg is outside the limit, the others are within it"
    LEGS_DIFFER = (
        "the value over all legs and the interval of their mean lie on different sides of the limit: legs differ"
    )
    SINGLE_WITHIN = "measured once, within the limit"
    SINGLE_OUTSIDE = "measured once, outside the limit"
    NO_DATA = "nothing was measured here"
    MIGRATION_NOT_RUN = "this run had no migration under load"
    MIGRATION_FAILED = "the migration under load failed, or no request was in flight during it"
    FAILED_DURING_MIGRATION = (
        "requests failed during the migration, and errors are fast: limit them, as in migration_failures <= 0"
    )
    TOO_FEW = "too few samples in a leg for this metric"
    NO_INTERVAL = "one block has no interval"
    NO_RATIO = "a value of zero has no ratio"
    SEQUENTIAL = (
        "the legs are sequential, and the change is not three times the noise floor: "
        "interleave the arms, or state a limit for after"
    )
    UNCORRECTED = (
        "the interval misses the target, but not after correction for several targets: more blocks would decide"
    )
    UNBOUNDED = "the largest stress stage was held: the capacity is a lower bound"
    SEARCH_UNBOUNDED = "a search held every rate: the capacity is a lower bound"
    UNRECOVERED = "a leg ended before recovery: its duration is a lower bound"
    ARRIVALS_MISSING = "more than 1 % of the arrivals of after never started, and those have no latency"
    UNSTABLE = "the noise floor of this machine is larger than the change that this target requires"
    IN_NOISE = "missed by no more than the A/A noise of this machine"
    CONFIRMED = "missed, and missed again in the second measurement"
    NOT_CONFIRMED = "missed, but not in the second measurement"
    REPEAT_INCOMPLETE = "missed, and the second measurement was not completed"
    VOID = "void: the error target fails, and errors are fast"
    INTERRUPTED = "the run was interrupted: its complete blocks alone do not decide"
    ERRORS = "too many requests failed and are in no latency: limit them, as in error_rate < 1 %"
    SERVER_ERRORS_COUNTED = "more than 1 % of the responses of after are 5xx, which the user files count as successes"
    DIFFERENT_REQUESTS = "before and after received different requests: judge the endpoints of both one by one"
    DIFFERENT_RESPONSES = "statuses or empty responses differ between before and after: check the responses"

    @property
    def outcome(self) -> Outcome:
        if self in {Reason.MET, Reason.WITHIN, Reason.SINGLE_WITHIN}:
            return Outcome.PASS
        missed = {Reason.MISSED, Reason.OUTSIDE, Reason.SINGLE_OUTSIDE, Reason.CONFIRMED}
        return Outcome.FAIL if self in missed else Outcome.INCONCLUSIVE


@dataclass(frozen=True, slots=True)
class Check:
    """One target with its outcome and the numbers behind it."""

    target: Target
    reason: Reason = Reason.NO_DATA
    pair: Pair | None = None  # the numbers behind it
    caveats: tuple[Finding, ...] = ()
    floor: Floor | None = None  # the noise floor of its place, where it is known
    repeat: Pair | None = None  # the pair of the second measurement of a failed target

    @property
    def outcome(self) -> Outcome:
        return self.reason.outcome


@dataclass(frozen=True, slots=True)
class Repeat:
    """The second measurement of failed targets, in blocks of its own; ``complete`` when all its legs were recorded."""

    summary: Summary
    comparison: Comparison
    complete: bool


@dataclass(frozen=True, slots=True)
class RuleInputs:
    """All that the rules of a verdict use.

    ``floors``: the noise floors of this machine, where they are known.
    ``incomplete_stages``: stages in which more than 1 % of the arrivals of after never started.
    """

    comparison: Comparison
    targets: Sequence[Target] = ()  # all of the plan; some of them limit failed requests
    floors: Mapping[ComparisonPlace, Floor] = field(default_factory=dict)
    incomplete_stages: frozenset[str] = frozenset()
    repeat: Repeat | None = None
    statuses: Sequence[Statuses] = ()  # the response statuses by arm and endpoint; empty where they were not analysed
    migration: MigrationUnderLoad | None = None
    interrupted: bool = False  # whether the run ended before its last leg


Rule = Callable[[Sequence[Check], RuleInputs], list[Check]]
"""Takes all checks of a verdict and returns all of them, some with another outcome."""


def each(judge: Callable[[Check, RuleInputs], Check]) -> Rule:
    """The rule that judges every check by itself."""
    return lambda checks, inputs: [judge(check, inputs) for check in checks]


@each
def judge_by_interval(check: Check, inputs: RuleInputs) -> Check:
    """Judge a target by its interval, or by its legs; without enough data it stays INCONCLUSIVE."""
    target, comparison = check.target, inputs.comparison
    metric, after_only = target.expectation.metric, target.expectation.form is Form.ABSOLUTE
    pair = comparison.pair(metric.name, target.stage, target.endpoint, target.tag)
    if pair is None or pair.after is None or (pair.before is None and not after_only):
        return Check(target, pair=pair)
    caveats = tuple(caveats_of_pair(pair, comparison, relative=not after_only))
    if pair.least_requests < metric.min_samples:
        return Check(target, Reason.TOO_FEW, pair, caveats)
    return Check(target, _absolute(target, pair) if after_only else _relative(target, pair), pair, caveats)


def _absolute(target: Target, pair: Pair) -> Reason:
    if pair.metric.origin is Origin.MIGRATION and pair.after is not None:
        return Reason.SINGLE_WITHIN if target.expectation.allows(pair.after) else Reason.SINGLE_OUTSIDE
    counted = pair.metric.unit is Unit.COUNT and pair.metric.origin is Origin.REQUESTS
    if (pair.metric.by_leg or pair.metric.origin is Origin.STATEMENTS or counted) and not pair.searched:
        return _legs(target, pair)
    if pair.after_interval is None:
        return Reason.NO_INTERVAL
    if pair.metric.extreme:
        return _legs(target, pair)
    reason = _side(pair.after_interval, target.expectation.limit, below=target.expectation.below)
    within = pair.after is None or target.expectation.allows(pair.after)
    contradicted = reason is (Reason.MISSED if within else Reason.MET)
    return Reason.LEGS_DIFFER if contradicted and not pair.searched else reason


def _legs(target: Target, pair: Pair) -> Reason:
    """Work per request is nearly deterministic, load is held in steps, a leg recovers once: no interval applies.

    A maximum is the largest of all legs, and their mean is the maximum of nothing.

    So every leg has to be within the limit, and one leg outside does not decide.
    """
    outside = sum(not target.expectation.allows(block.after) for block in pair.blocks)
    if not pair.blocks:
        return Reason.NO_DATA
    if outside:
        return Reason.ONE_OUTSIDE if outside == 1 else Reason.OUTSIDE
    at_least = target.expectation.below and any(block.after_at_least for block in pair.blocks)
    return Reason.UNRECOVERED if at_least else Reason.WITHIN


def _relative(target: Target, pair: Pair) -> Reason:
    if pair.change is None:
        return unbounded_reason(pair) if any(block.before_at_least for block in pair.blocks) else Reason.NO_RATIO
    if (interval := pair.change.interval) is None:
        return Reason.NO_INTERVAL
    limit, below = ratio_limit(target, pair)
    reason = _side(interval, limit, below=below)
    proven = Outcome.PASS if pair.metric.better is Better.HIGHER else Outcome.FAIL
    unbounded = reason.outcome is not proven and any(block.after_at_least for block in pair.blocks)
    return unbounded_reason(pair) if unbounded else reason


def unbounded_reason(pair: Pair) -> Reason:
    """Why a pair with lower bounds is INCONCLUSIVE."""
    if pair.searched:
        return Reason.SEARCH_UNBOUNDED
    return Reason.UNRECOVERED if pair.metric.origin is Origin.FAULT else Reason.UNBOUNDED


def ratio_limit(target: Target, pair: Pair) -> tuple[float, bool]:
    """The limit of a target as a ratio after / before, and whether it is an upper limit."""
    low, high = passing_ratios(target, pair)
    below = high < math.inf
    return (high if below else low), below


def passing_ratios(target: Target, pair: Pair) -> tuple[float, float]:
    """The ratios after / before that meet a target, as ``(low, high)``; an absolute limit is divided by before."""
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


def log_limit(target: Target, pair: Pair) -> float | None:
    """The logarithm of the limit of a target, absolute or as a ratio; ``None`` for a limit of 0 or below."""
    limit, _ = ratio_limit(target, pair)
    if target.expectation.form is Form.ABSOLUTE:
        limit = target.expectation.limit
    return math.log(limit) if limit > 0 else None


def _side(interval: Interval, limit: float, *, below: bool) -> Reason:
    slack = abs(limit) * ROUNDING  # equal blocks leave a point, which exp(log(x)) moves by a digit
    met = interval.high <= limit + slack if below else interval.low >= limit - slack
    missed = interval.low > limit + slack if below else interval.high < limit - slack
    if met:
        return Reason.MET
    return Reason.MISSED if missed else Reason.STRADDLES
