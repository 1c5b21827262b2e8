"""Shift: a change on its test scale, its p-value and the minimum detectable effect."""

import math
from dataclasses import dataclass
from statistics import NormalDist

from harness.analysis.change import Change
from harness.analysis.comparison import Comparison, Pair
from harness.metrics import Scale
from harness.statistics.significance import two_sided_p
from harness.statistics.student_t import t_quantile

LEVEL = 0.05
POWER = 0.8
ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Shift:
    """A change on the scale of the test, where no change is 0.

    ``near`` is the half-width of the interval towards no change, ``wide`` the larger one; ``freedom`` are the degrees
    of freedom of the t distribution, ``None`` for the normal one.
    """

    value: float
    near: float
    wide: float
    freedom: int | None

    @property
    def p(self) -> float:
        """The two-sided p-value that corresponds to the interval. Source: Altman and Bland (2011)."""
        if self.near <= ROUNDING:
            return 1.0 if abs(self.value) <= ROUNDING else 0.0
        size = abs(self.value) / self.near * self.quantile(LEVEL)
        return two_sided_p(size, self.freedom) if self.freedom else 2 * (1 - NormalDist().cdf(size))

    def visible(self, level: float) -> float:
        """The minimum detectable effect of a two-sided test at this level with 80 % power.

        With the standard error s/sqrt(K) of K blocks: (t(1 - level/2) + t(0.8)) s/sqrt(K), at K - 1 degrees of freedom.
        Source: Bloom (1995), Minimum detectable effects.
        """
        error = self.wide / self.quantile(LEVEL)
        return (self.quantile(level) + self.quantile(2 * (1 - POWER))) * error

    def quantile(self, level: float) -> float:
        """The two-sided critical value at ``level``."""
        return t_quantile(1 - level / 2, self.freedom) if self.freedom else NormalDist().inv_cdf(1 - level / 2)


def shift_of(pair: Pair, comparison: Comparison) -> Shift | None:
    """The change of a pair on its test scale; ``None`` without an interval or with too few samples."""
    change, least = pair.change, pair.metric.min_samples
    if change is None or change.low is None or change.high is None or pair.least_requests < least:
        return None
    freedom = None if pair.metric.scale is Scale.PROPORTION else (len(pair.blocks) or comparison.blocks) - 1
    value, low, high = (_on_scale(change, bound) for bound in (change.value, change.low, change.high))
    near = value - low if value > 0 else high - value
    return Shift(value, near, max(value - low, high - value), freedom)


def _on_scale(change: Change, value: float) -> float:
    return math.log(value) if change.scale == "ratio" else value
