"""Shift: a change on the scale on which blocks are compared, and what its interval could have seen."""

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
    """A change on the scale on which blocks are compared, where no change is 0.

    ``near`` is the half of the interval on the side of no change, ``wide`` the wider half; ``freedom`` is that of the
    t distribution that the interval is from, ``None`` for the normal one.
    """

    value: float
    near: float
    wide: float
    freedom: int | None

    @property
    def p(self) -> float:
        """The two-sided p-value that belongs to the interval. Source: Altman and Bland (2011), from interval to p."""
        if self.near <= ROUNDING:
            return 1.0 if abs(self.value) <= ROUNDING else 0.0
        size = abs(self.value) / self.near * self.quantile(LEVEL)
        return two_sided_p(size, self.freedom) if self.freedom else 2 * (1 - NormalDist().cdf(size))

    def visible(self, level: float) -> float:
        """The smallest change that a test at this two-sided level sees with a power of 80 %.

        The standard error is that of the interval, so of the blocks' own spread s over the root of their number K; the
        change is (t(1 - level/2) + t(0.8)) s/sqrt(K), both quantiles at K - 1 degrees of freedom.
        Source: Bloom (1995), Minimum detectable effects.
        """
        error = self.wide / self.quantile(LEVEL)
        return (self.quantile(level) + self.quantile(2 * (1 - POWER))) * error

    def quantile(self, level: float) -> float:
        """The quantile that leaves ``level`` beyond it on both sides together."""
        return t_quantile(1 - level / 2, self.freedom) if self.freedom else NormalDist().inv_cdf(1 - level / 2)


def shift_of(pair: Pair, comparison: Comparison) -> Shift | None:
    """The change of a pair with an interval and samples enough; ``None`` for all others."""
    change, least = pair.change, pair.metric.min_samples
    if change is None or change.low is None or change.high is None or pair.least_requests < least:
        return None
    freedom = None if pair.metric.scale is Scale.PROPORTION else (len(pair.blocks) or comparison.blocks) - 1
    value, low, high = (_on_scale(change, bound) for bound in (change.value, change.low, change.high))
    near = value - low if value > 0 else high - value
    return Shift(value, near, max(value - low, high - value), freedom)


def _on_scale(change: Change, value: float) -> float:
    return math.log(value) if change.scale == "ratio" else value
