"""Proportions: intervals of failure shares, their log odds, and the design effect of clustered failures."""

import math
from collections.abc import Sequence
from statistics import NormalDist

from harness.statistics.intervals import Interval

Z95 = NormalDist().inv_cdf(0.975)
TAIL, BISECTIONS = 0.025, 60
MAX_TERMS, CONVERGED, TINY = 10_000, 1e-15, 1e-300


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


def clopper_pearson_low(successes: float, n: float) -> float:
    """Exact lower 97.5 % bound of a proportion; both may be fractional, as effective counts are. 0 without successes.

    The p at which ``successes`` or more of ``n`` have a probability of 2.5 %. Source: Clopper & Pearson (1934).
    """
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} of {n} is no proportion")
    low, high = 0.0, successes / n if n else 0.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if beta_cdf(middle, successes, n - successes + 1) < TAIL else (low, middle)
    return low


def beta_cdf(x: float, a: float, b: float) -> float:
    """Probability that a beta variable with ``a``, ``b`` > 0 is at most ``x``, right to about 1e-12.

    The modified Lentz evaluation of the continued fraction of the regularised incomplete beta function.
    Source: NIST Digital Library of Mathematical Functions, 8.17.22; Press et al., Numerical Recipes (2007), 6.4.
    """
    if not 0 < x < 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # where the fraction converges slowly
        return 1 - beta_cdf(1 - x, b, a)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    fraction, c, d = 1.0, 1.0, 0.0
    for step in range(MAX_TERMS):
        m, odd = divmod(step, 2)
        if step == 0:
            term = 1.0
        elif odd:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / ((1 + term * d) or TINY)
        c = (1 + term / c) or TINY
        fraction *= c * d
        if step and abs(1 - c * d) < CONVERGED:
            break
    return front * (fraction - 1) / a


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
    chi2 = math.fsum((f - size * p) ** 2 / (size * p * (1 - p)) for size, f in windows)
    return max(1.0, chi2 / (len(windows) - 1))


def logit(successes: float, n: float) -> float:
    """Log odds with half a success and half a failure added; 0 and n stay finite. Source: Haldane, Anscombe (1956)."""
    return math.log((successes + 0.5) / (n - successes + 0.5))


def expit(x: float) -> float:
    """Logistic function, the inverse of the log odds; exact 0 and 1 instead of an overflow. Source: Berkson (1944)."""
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))
