"""The rules of a verdict, in the order in which they apply.

A rule takes all checks and returns all of them. Most turn a PASS or FAIL with too little evidence into INCONCLUSIVE;
none turns a FAIL into a PASS.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from harness.analysis.noise import Floor, place_of
from harness.analysis.statuses import (
    Statuses,
    failed_too_often,
    requests_differ,
    server_errors_succeed,
    statuses_differ,
)
from harness.finding import Finding
from harness.metrics import Origin, Scale
from harness.plan.expectation import Form
from harness.plan.targets import Target
from harness.record.noise import ComparisonPlace
from harness.record.outcome import Outcome
from harness.statistics.significance import holm, one_sided_p
from harness.verdict.arrivals import stages_lacking_arrivals
from harness.verdict.caveats import FAILED_ONCE, FEW_PAIRS, NO_NOISE_FLOOR
from harness.verdict.migration import judge_migration_under_load
from harness.verdict.targets import Check, Reason, Rule, RuleInputs, each, judge_by_interval, log_limit, ratio_limit

SEQUENTIAL_FLOORS = 3  # an unpaired change has to exceed this multiple of the noise floor
SIGNIFICANT = 0.025  # one-sided: the part of a 95 % interval beyond one end
WITHOUT_REQUESTS = frozenset({Origin.START, Origin.FAULT, Origin.MIGRATION, Origin.MIGRATION_UNDER_LOAD})
"""Origins of metrics that do not depend on the responses of requests."""


@each
def require_interleaving(check: Check, inputs: RuleInputs) -> Check:
    """Where the arms were not interleaved, a change decides only if it is three times the noise floor."""
    if not inputs.comparison.sequential or check.target.expectation.form is Form.ABSOLUTE:
        return check
    floor = inputs.floors.get(place_of(check.target))
    if check.reason in {Reason.NO_DATA, Reason.TOO_FEW} or _beyond_noise(check, floor):
        return check
    return replace(check, reason=Reason.SEQUENTIAL, floor=floor)


def _beyond_noise(check: Check, floor: Floor | None) -> bool:
    change = check.pair.change if check.pair else None
    if floor is None or change is None or change.scale != "ratio" or change.value <= 0:
        return False
    return abs(math.log(change.value)) > SEQUENTIAL_FLOORS * math.log1p(floor.value)


@each
def require_arrivals(check: Check, inputs: RuleInputs) -> Check:
    """No latency target passes in a stage in which more than 1 % of the arrivals never started."""
    incomplete, stage = inputs.incomplete_stages, check.target.stage
    passes = check.target.expectation.metric.latency and check.outcome is Outcome.PASS
    if passes and (stage in incomplete or (stage is None and incomplete)):
        return replace(check, reason=Reason.ARRIVALS_MISSING)
    return check


def void_latency_by_errors(checks: Sequence[Check], inputs: RuleInputs) -> list[Check]:  # noqa: ARG001 - a rule
    """Where an error target fails, the latency targets of the same requests are INCONCLUSIVE: errors are fast."""
    failing = [
        check.target
        for check in checks
        if check.outcome is Outcome.FAIL and check.target.expectation.metric.scale is Scale.PROPORTION
    ]
    return [
        replace(check, reason=Reason.VOID)
        if check.target.expectation.metric.latency and any(_voids(f, check.target) for f in failing)
        else check
        for check in checks
    ]


def _voids(errors: Target, latency: Target) -> bool:
    """Whether a failed error target covers the same requests; an advisory one does not affect required targets."""
    same_stage = errors.stage == latency.stage or None in {errors.stage, latency.stage}
    mine, others = errors.endpoints, latency.endpoints
    overlap = mine is None or others is None or bool(mine & others)
    return (errors.required or not latency.required) and same_stage and overlap


def correct_for_multiplicity(checks: Sequence[Check], inputs: RuleInputs) -> list[Check]:  # noqa: ARG001 - a rule
    """Apply Holm's correction to failures of the primary targets.

    Without any change, one of six targets judged by 95 % intervals is missed in about every seventh run. A PASS needs
    all targets to be met, which more targets make no easier, so it is not corrected.

    Source: Holm (1979), on the one-sided p-values of the hypothesis that the target is just met. A primary target
    without an interval has p = 1; a single primary target fails by its interval.
    """
    primary = [check for check in checks if check.target.primary]
    adjusted = dict(zip(map(id, primary), holm([_miss_p(check) for check in primary]), strict=True))
    return [
        replace(check, reason=Reason.UNCORRECTED)
        if check.outcome is Outcome.FAIL and adjusted.get(id(check), 0.0) > SIGNIFICANT
        else check
        for check in checks
    ]


def _miss_p(check: Check) -> float:
    """The one-sided p-value of the hypothesis that a target is just met; 1 without an interval."""
    pair = check.pair
    interval = pair.change.interval if pair and pair.change else None
    limit, below = ratio_limit(check.target, pair) if pair else (0.0, False)
    if pair is None or interval is None or interval.low <= 0 or limit <= 0:
        return 1.0
    return one_sided_p(interval.mapped(math.log), math.log(limit), len(pair.blocks) - 1, above=below)


@each
def compare_with_noise(check: Check, inputs: RuleInputs) -> Check:
    """A change within the known noise floor of its place is INCONCLUSIVE.

    - A target that requires a change smaller than the floor cannot pass, however narrow the interval is.
    - A regression whose interval reaches the floor is not a FAIL.
    """
    floor = inputs.floors.get(place_of(check.target))
    if floor is None or check.pair is None or check.target.expectation.form is Form.ABSOLUTE:
        return check
    check = replace(check, floor=floor)
    if check.outcome is Outcome.FAIL and _in_noise(check, floor):
        return replace(check, reason=Reason.IN_NOISE)
    limit = log_limit(check.target, check.pair) if check.pair else None
    if check.outcome is Outcome.PASS and limit is not None and abs(limit) < math.log1p(floor.value):
        return replace(check, reason=Reason.UNSTABLE)
    return check


def _in_noise(check: Check, floor: Floor) -> bool:
    """Whether the interval of a regression reaches the noise floor."""
    interval = check.pair.change.interval if check.pair and check.pair.change else None
    if interval is None or check.target.expectation.form is not Form.NO_REGRESSION:
        return False
    nearest = -math.log(interval.high) if check.target.expectation.below else math.log(interval.low)
    return nearest <= math.log1p(floor.value)


def require_second_failure(checks: Sequence[Check], inputs: RuleInputs) -> list[Check]:
    """Where failed targets were measured again, one fails only if it failed both times."""
    repeat, failed = inputs.repeat, failures_to_confirm(checks)
    if repeat is None:
        return list(checks)
    second = replace(inputs, comparison=repeat.comparison, incomplete_stages=stages_lacking_arrivals(repeat.summary))
    found = check_targets([check.target for check in failed], second, RULES_OF_REPEAT) if repeat.complete else []
    again = iter(found)
    return [_if_failed_again(check, next(again, None)) if check in failed else check for check in checks]


def failures_to_confirm(checks: Sequence[Check]) -> list[Check]:
    """The failed checks that a second measurement has to confirm: primary ones, and required limits of failures."""
    return [check for check in checks if check.outcome is Outcome.FAIL and _to_confirm(check.target)]


def _to_confirm(target: Target) -> bool:
    return target.primary or (target.required and target.expectation.metric.scale is Scale.PROPORTION)


def _if_failed_again(check: Check, again: Check | None) -> Check:
    """Combine a failed check with that of the second measurement, ``None`` where that was not completed."""
    if again is None:
        return replace(check, reason=Reason.REPEAT_INCOMPLETE)
    if again.outcome is Outcome.FAIL:
        return replace(check, reason=Reason.CONFIRMED, repeat=again.pair)
    return replace(check, reason=Reason.NOT_CONFIRMED, repeat=again.pair)


@each
def require_equal_work(check: Check, inputs: RuleInputs) -> Check:
    """A target passes only if the run was complete and both arms answered the same requests with success.

    A latency, a rate and a cost per request cover only the requests that were made and succeeded.
    """
    if check.outcome is not Outcome.PASS:
        return check
    unequal = _unequal_work(check.target, inputs.statuses, inputs.targets)
    reason = Reason.INTERRUPTED if inputs.interrupted else unequal
    return replace(check, reason=reason) if reason else check


def _unequal_work(target: Target, statuses: Sequence[Statuses], targets: Sequence[Target]) -> Reason | None:
    metric, endpoint = target.expectation.metric, target.endpoint
    if not statuses or metric.origin in WITHOUT_REQUESTS:
        return None
    if target.tag is not None:
        statuses = [one for one in statuses if one.endpoint in (target.endpoints or ())]
    relative = target.expectation.form is not Form.ABSOLUTE
    limited = metric.of_failures or any(_covers(other, target) for other in targets)
    if not limited and failed_too_often(statuses, endpoint, relative=relative):
        return Reason.ERRORS
    if server_errors_succeed(statuses, endpoint):
        return Reason.SERVER_ERRORS_COUNTED
    if requests_differ(statuses, endpoint):
        return Reason.DIFFERENT_REQUESTS
    return Reason.DIFFERENT_RESPONSES if statuses_differ(statuses, endpoint) else None


def _covers(errors: Target, target: Target) -> bool:
    """Whether an error target covers all requests of another target; an advisory one covers nothing required."""
    return (
        errors.expectation.metric.of_failures
        and (errors.required or not target.required)
        and errors.stage in {None, target.stage}
        and (errors.endpoints is None or (target.endpoints is not None and target.endpoints <= errors.endpoints))
    )


RULES: tuple[Rule, ...] = (
    judge_by_interval,
    require_interleaving,
    require_arrivals,
    void_latency_by_errors,
    correct_for_multiplicity,
    compare_with_noise,
    require_second_failure,
    judge_migration_under_load,
    require_equal_work,
)
"""The rules for the targets of the plan."""
ONLY_FOR_OUTCOME = {correct_for_multiplicity, compare_with_noise, require_second_failure}
RULES_OF_CLAIMS = tuple(rule for rule in RULES if rule not in ONLY_FOR_OUTCOME)
"""The rules for claims, which do not affect the outcome: no correction, noise floor or second measurement."""
RULES_OF_REPEAT = (*RULES[: RULES.index(correct_for_multiplicity)], compare_with_noise)
"""The rules for the second measurement of targets that failed."""


def check_targets(targets: Sequence[Target], inputs: RuleInputs, rules: Sequence[Rule] = RULES) -> list[Check]:
    """Judge targets by the rules, one rule after the other."""
    checks = [Check(target) for target in targets]
    for rule in rules:
        checks = rule(checks, inputs)
    return checks


def caveats_of_noise(
    checks: Sequence[Check], floors: Mapping[ComparisonPlace, Floor], *, repeated: bool
) -> Iterator[Finding]:
    """The caveats of an unknown or provisional noise floor, and of failures that were measured once."""
    if not floors:
        yield NO_NOISE_FLOOR
    if any(check.floor and check.floor.provisional for check in checks):
        yield FEW_PAIRS
    if failures_to_confirm(checks) and not repeated:
        yield FAILED_ONCE
