"""Check: one target judged.

A target passes when its whole interval is on the right side, fails when its whole interval is on the wrong side, and is
INCONCLUSIVE in between; no data is never a pass. The rules that may change that are listed in ``rules``.
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
from harness.metrics import Better, Metric, Origin, Unit
from harness.plan.expectation import Form
from harness.plan.targets import Target
from harness.record.noise import ComparisonPlace
from harness.record.outcome import Outcome
from harness.statistics.intervals import Interval
from harness.verdict.caveats import caveats_of_pair

ROUNDING = 1e-9


class Reason(StrEnum):
    """Why a check came out as it did."""

    MET = "the whole interval meets the target"
    MISSED = "the whole interval misses the target"
    STRADDLES = "the interval contains the target: more blocks or longer stages would decide"
    WITHIN = "every leg is within the limit"
    OUTSIDE = "at least two legs are outside the limit"
    ONE_OUTSIDE = "one leg is outside the limit, the others are within it"
    SINGLE_WITHIN = "measured once, within the limit"
    SINGLE_OUTSIDE = "measured once, outside the limit"
    NO_DATA = "nothing was measured here"
    MIGRATION_NOT_RUN = "the migration was not tried under load in this run"
    MIGRATION_FAILED = "the migration under load did not get to its end, or no request was under way with it"
    FAILED_DURING_MIGRATION = (
        "requests failed meanwhile, and errors are fast: state how many may, as in migration_failures <= 0"
    )
    TOO_FEW = "too few samples in a leg for this metric"
    NO_INTERVAL = "one block has no interval"
    NO_RATIO = "a value of zero has no ratio"
    SEQUENTIAL = (
        "before and after did not take turns, and it is not three times what the system is known to change by itself: "
        "measure them in turns, or state a limit for after"
    )
    UNCORRECTED = (
        "the interval misses the target, but among several targets one does so by chance too often: "
        "more blocks would decide"
    )
    UNBOUNDED = "the largest stress stage was held: how much more would be is not known"
    SEARCH_UNBOUNDED = "a search found no rate that was not held: how much more would be is not known"
    UNRECOVERED = "a leg was over before that had happened: how long it takes is not known"
    ARRIVALS_MISSING = "more than 1 % of the arrivals of after never began, and what never began has no latency"
    UNSTABLE = "equal arms differ by more than this target asks to tell: see the noise of this machine"
    IN_NOISE = "missed by no more than what equal arms differ by on this machine"
    CONFIRMED = "missed, and missed again when it was measured once more"
    NOT_CONFIRMED = "missed, but not when it was measured once more"
    REPEAT_INCOMPLETE = "missed, and not measured once more to the end"
    VOID = "void: the error target fails, and errors answer fast"
    INTERRUPTED = "the run was interrupted: what there is of it was not planned to decide"
    ERRORS = "too many requests failed and are in no latency: state how many may, as in error_rate < 1 %"
    SERVER_ERRORS_COUNTED = "more than 1 % of the answers of after are 5xx, which the user files count as successes"
    DIFFERENT_REQUESTS = "before and after were asked other things: judge the endpoints that both have one by one"
    DIFFERENT_RESPONSES = "after answered with another status than before, or with nothing: see what it answers"


@dataclass(frozen=True, slots=True)
class Check:
    """One target judged; the numbers behind it are in ``pair``.

    ``floor`` is what equal arms differ by there, ``repeat`` the pair of the second measurement of what had failed.
    """

    target: Target
    outcome: Outcome = Outcome.INCONCLUSIVE
    reason: Reason = Reason.NO_DATA
    pair: Pair | None = None
    caveats: tuple[Finding, ...] = ()
    floor: Floor | None = None
    repeat: Pair | None = None


@dataclass(frozen=True, slots=True)
class Repeat:
    """What was measured once more, in blocks of their own; ``complete`` when all that were begun are there."""

    summary: Summary
    comparison: Comparison
    complete: bool


@dataclass(frozen=True, slots=True)
class RuleInputs:
    """What the rules of a verdict go by.

    Attributes:
        comparison: before and after.
        targets: all of the plan; some of them say how many requests may fail.
        floors: what equal arms differ by on this machine, as far as that is known.
        incomplete_stages: stages of which more than 1 % of the arrivals of after never began.
        repeat: the second measurement of what failed on a change.
        statuses: what was answered, by arm and endpoint; empty where that was not looked at.
        migration: the migration under load.
        interrupted: whether the run ended before its last leg.
    """

    comparison: Comparison
    targets: Sequence[Target] = ()
    floors: Mapping[ComparisonPlace, Floor] = field(default_factory=dict)
    incomplete_stages: frozenset[str] = frozenset()
    repeat: Repeat | None = None
    statuses: Sequence[Statuses] = ()
    migration: MigrationUnderLoad | None = None
    interrupted: bool = False


Rule = Callable[[Sequence[Check], RuleInputs], list[Check]]
"""Takes all checks of a verdict and returns all of them, some with another outcome."""


def judge_by_interval(checks: Sequence[Check], grounds: RuleInputs) -> list[Check]:
    """Judge each target by its interval, or by its legs; without data, or with too little, it stays open."""
    return [_judge(check.target, grounds.comparison) for check in checks]


def _judge(target: Target, comparison: Comparison) -> Check:
    metric, after_only = target.expectation.metric, target.expectation.form is Form.ABSOLUTE
    pair = comparison.pair(metric.name, target.stage, target.endpoint, target.tag)
    if pair is None or pair.after is None or (pair.before is None and not after_only):
        return Check(target, pair=pair)
    caveats = tuple(caveats_of_pair(pair, comparison, relative=not after_only))
    if pair.least_requests < metric.min_samples:
        return Check(target, Outcome.INCONCLUSIVE, Reason.TOO_FEW, pair, caveats)
    outcome, reason = _absolute(target, pair) if after_only else _relative(target, pair)
    return Check(target, outcome, reason, pair, caveats)


def _absolute(target: Target, pair: Pair) -> tuple[Outcome, Reason]:
    if pair.metric.origin is Origin.MIGRATION and pair.after is not None:
        met = target.expectation.allows(pair.after)
        return (Outcome.PASS, Reason.SINGLE_WITHIN) if met else (Outcome.FAIL, Reason.SINGLE_OUTSIDE)
    if _judged_by_leg(pair.metric) and not pair.searched:
        return _legs(target, pair)
    if pair.after_interval is None:
        return Outcome.INCONCLUSIVE, Reason.NO_INTERVAL
    return _side(pair.after_interval, target.expectation.limit, below=target.expectation.below)


def _judged_by_leg(metric: Metric) -> bool:
    work = metric.origin is Origin.STATEMENTS or (metric.unit is Unit.COUNT and metric.origin is Origin.REQUESTS)
    return metric.by_leg or work


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
        return Outcome.INCONCLUSIVE, unbounded_reason(pair) if bounds else Reason.NO_RATIO
    if change.low is None or change.high is None:
        return Outcome.INCONCLUSIVE, Reason.NO_INTERVAL
    limit, below = ratio_limit(target, pair)
    outcome, reason = _side(Interval(change.value, change.low, change.high), limit, below=below)
    unproven = Outcome.FAIL if pair.metric.better is Better.HIGHER else Outcome.PASS
    if outcome in {unproven, Outcome.INCONCLUSIVE} and any(block.after_at_least for block in pair.blocks):
        return Outcome.INCONCLUSIVE, unbounded_reason(pair)
    return outcome, reason


def unbounded_reason(pair: Pair) -> Reason:
    """Why a pair with lower bounds decides nothing."""
    if pair.searched:
        return Reason.SEARCH_UNBOUNDED
    return Reason.UNRECOVERED if pair.metric.origin is Origin.FAULT else Reason.UNBOUNDED


def ratio_limit(target: Target, pair: Pair) -> tuple[float, bool]:
    """The ratio after / before that a target of a change wants not to be passed, and whether to stay below it."""
    low, high = passing_ratios(target, pair)
    below = high < math.inf
    return (high if below else low), below


def passing_ratios(target: Target, pair: Pair) -> tuple[float, float]:
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


def log_limit(target: Target, pair: Pair) -> float | None:
    """The logarithm of what decides a target: of its limit, or of the ratio that it wants; ``None`` below 0."""
    edge, _ = ratio_limit(target, pair)
    if target.expectation.form is Form.ABSOLUTE:
        edge = target.expectation.limit
    return math.log(edge) if edge > 0 else None


def _side(interval: Interval, limit: float, *, below: bool) -> tuple[Outcome, Reason]:
    slack = abs(limit) * ROUNDING  # blocks that agree leave a point, which logarithms and back move by a digit
    holds = interval.high <= limit + slack if below else interval.low >= limit - slack
    misses = interval.low > limit + slack if below else interval.high < limit - slack
    if holds:
        return Outcome.PASS, Reason.MET
    return (Outcome.FAIL, Reason.MISSED) if misses else (Outcome.INCONCLUSIVE, Reason.STRADDLES)
