"""Stability: what a judged target is worth on a machine of which it is known how much two equal arms differ.

A rise of 3 % cannot be ruled out, and is no regression either, where equal arms differ by 6 %. A miss is said when it
was measured twice.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from harness.finding import Finding
from harness.judging.check import Check, Outcome, Reason, edge_of
from harness.judging.doubt import FAILED_ONCE, FEW_PAIRS, NO_NOISE_FLOOR
from harness.judging.noise import Floor, Place, place_of
from harness.parts.expectation import Form


def against_noise(check: Check, floors: Mapping[Place, Floor]) -> Check:
    """A judged target of a change, set against the noise floor of its place, where one is known.

    - What is to be told is smaller than the floor: it cannot be shown to hold, however narrow the interval is.
    - A miss that does not go beyond the floor is none.
    """
    target, pair = check.target, check.pair
    floor = floors.get(place_of(target))
    if floor is None or pair is None or target.expectation.form is Form.ABSOLUTE:
        return check
    check = replace(check, floor=floor)
    if check.outcome is Outcome.FAIL and _in_noise(check, floor):
        return replace(check, outcome=Outcome.INCONCLUSIVE, reason=Reason.IN_NOISE)
    if check.outcome is Outcome.PASS and _asked(check) < math.log1p(floor.value):
        return replace(check, outcome=Outcome.INCONCLUSIVE, reason=Reason.UNSTABLE)
    return check


def _asked(check: Check) -> float:
    """How large, on the log scale, the change is that a target asks to tell from none."""
    edge = edge_of(check.target, check.pair) if check.pair else None
    return math.inf if edge is None else abs(edge)


def _in_noise(check: Check, floor: Floor) -> bool:
    """Whether a regression may be as small as what equal arms differ by."""
    change = check.pair.change if check.pair else None
    if change is None or change.low is None or change.high is None:
        return False
    regression = check.target.expectation.form is Form.NO_REGRESSION
    nearest = math.log(change.low) if not check.target.expectation.below else -math.log(change.high)
    return regression and nearest <= math.log1p(floor.value)


def suspects(checks: Sequence[Check]) -> list[Check]:
    """The required checks that fail on a change, which is said only when it was measured once more."""
    return [check for check in checks if check.outcome is Outcome.FAIL and check.target.primary]


def confirmed(check: Check, again: Check | None) -> Check:
    """A suspect and its second measurement, ``None`` where that was not completed: a failure only if both fail."""
    if again is None:
        return replace(check, outcome=Outcome.INCONCLUSIVE, reason=Reason.UNFINISHED)
    if again.outcome is Outcome.FAIL:
        return replace(check, reason=Reason.CONFIRMED, again=again.pair)
    return replace(check, outcome=Outcome.INCONCLUSIVE, reason=Reason.UNCONFIRMED, again=again.pair)


def caveats_of_noise(checks: Sequence[Check], floors: Mapping[Place, Floor], *, repeated: bool) -> Iterator[Finding]:
    """What is to be kept in mind of how much this machine is known, and of what failed on a change."""
    if not floors:
        yield NO_NOISE_FLOOR
    if any(check.floor and check.floor.provisional for check in checks):
        yield FEW_PAIRS
    if suspects(checks) and not repeated:
        yield FAILED_ONCE
