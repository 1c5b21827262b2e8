"""Proportions: intervals of failure shares, their log odds, and the design effect of clustered failures."""

import math
from collections.abc import Sequence
from statistics import NormalDist

from harness.statistics.intervals import Interval

Z95 = NormalDist().inv_cdf(0.975)


def wilson(successes: float, n: float) -> Interval | None:
    """Wilson score interval of a proportion, without continuity correction; ``None`` when n is 0.

    Both may be fractional, as effective counts are (after division by a design effect); ``ValueError`` when
    ``successes`` is below 0 or above ``n``, or either is not a number.

    Source: Wilson (1927).
    """
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} of {n} is no proportion")
    if n == 0:
        return None
    p, z2 = successes / n, Z95**2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return Interval(p, low, high)


def newcombe(before: Interval, after: Interval) -> Interval:
    """Interval of the difference ``after - before`` of two proportions from their Wilson intervals.

    Source: Newcombe (1998), method 10.
    """
    difference = after.value - before.value
    low = difference - math.hypot(after.value - after.low, before.high - before.value)
    high = difference + math.hypot(after.high - after.value, before.value - before.low)
    return Interval(difference, low, high)


def design_effect(counts: Sequence[tuple[int, int]]) -> float:
    """Variance of the failure shares of windows over the binomial variance, at least 1.

    A failure count divided by it carries as much information as independent failures would. ``counts`` are
    ``(requests, failures)`` of consecutive windows. It is 1 where the shares cannot vary: fewer than two windows, no
    failures, or failures only.

    Source: McCullagh & Nelder, Generalized Linear Models (1989), 4.5.2; Rao & Scott (1992) for dividing counts by it.
    """
    windows = [(n, f) for n, f in counts if n > 0]
    n, failures = sum(n for n, _ in windows), sum(f for _, f in windows)
    if len(windows) < 2 or failures in {0, n}:  # noqa: PLR2004 - one window has no variance
        return 1.0
    p = failures / n
    chi2 = sum((f - size * p) ** 2 / (size * p * (1 - p)) for size, f in windows)
    return max(1.0, chi2 / (len(windows) - 1))


def logit(successes: float, n: float) -> float:
    """Log odds with half a success and half a failure added; 0 and n stay finite. Source: Haldane, Anscombe (1956)."""
    return math.log((successes + 0.5) / (n - successes + 0.5))


def expit(x: float) -> float:
    """Logistic function, the inverse of the log odds; exact 0 and 1 instead of an overflow. Source: Berkson (1944)."""
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))
