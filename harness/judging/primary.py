"""Primary: the targets that can fail a run by a change, and what their number does to the evidence that takes.

Of six changes of nothing, judged by 95 % intervals, one misses its target in every seventh run or so. So a FAIL needs
evidence that holds among all of them, which Holm's correction gives at the least price. A PASS of the run needs every
target to hold, which no number of targets makes easier, and is not corrected.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from harness.judging.check import Check, Outcome, Reason, limit_of
from harness.statistics.intervals import Interval
from harness.statistics.multiplicity import holm
from harness.statistics.significance import one_sided_p

SIGNIFICANT = 0.025
"""One-sided: what a 95 % interval leaves on the side where a target is missed."""


def corrected(checks: Sequence[Check]) -> tuple[Check, ...]:
    """The checks, a primary one failing only on evidence that bears how many of them there are.

    Source: Holm (1979), on the one-sided p-values of "the target is met, just so"; a primary target that nothing can be
    said of counts as one without evidence. One by itself fails by its interval, as ever.
    """
    primary = [check for check in checks if check.target.primary]
    adjusted = dict(zip(map(id, primary), holm([_miss_p(check) for check in primary]), strict=True))
    return tuple(
        replace(check, outcome=Outcome.INCONCLUSIVE, reason=Reason.UNCORRECTED)
        if check.outcome is Outcome.FAIL and adjusted.get(id(check), 0.0) > SIGNIFICANT
        else check
        for check in checks
    )


def _miss_p(check: Check) -> float:
    """How likely a change is that looks as bad, where the target is met, just so."""
    pair = check.pair
    change = pair.change if pair else None
    if pair is None or change is None or change.low is None or change.high is None or change.low <= 0:
        return 1.0
    limit, below = limit_of(check.target, pair)
    if limit <= 0:
        return 1.0
    logs = Interval(*(math.log(value) for value in (change.value, change.low, change.high)))
    return one_sided_p(logs, math.log(limit), len(pair.blocks) - 1, above=below)
