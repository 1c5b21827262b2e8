"""Statistics: numbers in, numbers out. No clock, no disk, no names of metrics.

Every function that can have nothing to say returns ``None`` rather than a number that looks like one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from statistics import NormalDist, fmean, variance
from typing import Any

import numpy as np
from numpy.typing import NDArray

Z95 = NormalDist().inv_cdf(0.975)
MOST_SIGNS = 32
BATCHES = 8


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its two-sided 95 % interval."""

    value: float
    low: float
    high: float


def numbers(values: Sequence[float]) -> NDArray[np.float64]:
    """The values as an array of their own, shape ``(n,)``.

    Raises:
        ValueError: when one is infinite or not a number: nothing that is computed from it would be one.
    """
    found = np.array(values, dtype=np.float64)
    if not np.isfinite(found).all():
        raise ValueError("a value is infinite or not a number")
    return found


def percentile(values: NDArray[np.float64], quantile: Fraction) -> float | None:
    """Nearest-rank percentile: the smallest value with at least ``quantile`` of all values at or below it.

    Args:
        values: one number per sample, any order, shape ``(n,)``.
        quantile: exact, in (0, 1]; a ``Fraction`` because 0.95 x 20 must be 19, not 19.000000000000004.

    Returns:
        An element of ``values``; ``None`` when it is empty.

    Raises:
        ValueError: when one is not a number.

    Source: Hyndman & Fan (1996), definition 1.
    """
    if np.isnan(values).any():
        raise ValueError("a value is not a number")
    return percentiles(values, [quantile])[0]


def percentiles(values: NDArray[Any], quantiles: Sequence[Fraction]) -> list[float | None]:
    """Several percentiles of the same values, none of them NaN, in one pass; each as of ``percentile``."""
    if len(values) == 0 or not quantiles:
        return [None] * len(quantiles)
    places = [math.ceil(quantile * len(values)) - 1 for quantile in quantiles]
    ranked = np.partition(values, places)
    return [float(ranked[place]) for place in places]


def t_interval(values: Sequence[float]) -> Interval | None:
    """Student's t interval of the mean of independent values, in their unit; ``None`` for fewer than two.

    Raises:
        ValueError: when one is infinite or not a number.

    Source: Student (1908).
    """
    k = len(numbers(values))
    if k < 2:  # noqa: PLR2004 - one value has no spread
        return None
    mean = math.fsum(values) / k
    spread = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (k - 1))
    half = t_quantile(0.975, k - 1) * spread / math.sqrt(k)
    return Interval(mean, mean - half, mean + half)


def trend(values: Sequence[float]) -> Interval | None:
    """Slope per step of an evenly spaced series, with a 95 % interval that allows for neighbours being alike.

    The series is cut into ``BATCHES`` equal stretches (what is over at its beginning is left out). Their means are
    nearly independent where the single values are not; the slope is the median of the slopes of all pairs of them,
    which one odd stretch does not move. ``None`` for fewer than two values a stretch.

    Raises:
        ValueError: when one is infinite or not a number.

    Source: Theil (1950) for the slope, Sen (1968) for its interval; Conway (1963) for batch means. A stationary
    bootstrap of the residuals (Politis & Romano 1994, with the block length of Politis & White 2004) gives intervals
    half as wide that do not cover: of 60 values with autocorrelation 0, 0.5 and 0.8 they cover 89, 79 and 65 % where
    this covers 98, 94 and 91 %, of 120 values 90, 84 and 76 % where this covers 96, 95 and 94 %.
    """
    series = numbers(values)
    size = len(series) // BATCHES
    if size < 2:  # noqa: PLR2004 - a mean of one is no mean
        return None
    means = series[-size * BATCHES :].reshape(BATCHES, size).mean(axis=1)
    first, second = np.triu_indices(BATCHES, 1)
    slopes = np.sort((means[second] - means[first]) / ((second - first) * size))
    spread = Z95 * math.sqrt(BATCHES * (BATCHES - 1) * (2 * BATCHES + 5) / 18)
    low, high = round((len(slopes) - spread) / 2) - 1, round((len(slopes) + spread) / 2)
    return Interval(float(np.median(slopes)), float(slopes[low]), float(slopes[high]))


def welch(before: Sequence[float], after: Sequence[float]) -> Interval | None:
    """Interval of the difference of two means of unpaired values; ``None`` when either has fewer than two.

    Raises:
        ValueError: when one is infinite or not a number.

    Source: Welch (1947); the Satterthwaite degrees of freedom are rounded down, which only widens the interval.
    """
    if min(len(numbers(before)), len(numbers(after))) < 2:  # noqa: PLR2004 - one value has no spread
        return None
    parts = [variance(values) / len(values) for values in (before, after)]
    difference, total = fmean(after) - fmean(before), sum(parts)
    if total == 0:
        return Interval(difference, difference, difference)
    freedom = total**2 / sum(part**2 / (len(v) - 1) for part, v in zip(parts, (before, after), strict=True))
    half = t_quantile(0.975, max(1, math.floor(freedom))) * math.sqrt(total)
    return Interval(difference, difference - half, difference + half)


def sign_flip_p(differences: Sequence[float]) -> float | None:
    """Exact two-sided sign-flip p-value of "the mean difference is zero".

    All 2^K assignments of signs are equally likely when the order within a block was random and nothing changed, so
    the least p is 2/2^K: 0.125 with four blocks, 0.03125 with six. They are counted without being listed: the sums of
    either half of the blocks, sorted, tell how many of all sums are as far from 0 as the one observed.

    Args:
        differences: one per block, shape ``(K,)``.

    Returns:
        In (0, 1]; ``None`` for no differences, or for more than 32.

    Raises:
        ValueError: when one is infinite or not a number.

    Source: Good, Permutation Tests (2000), section 3.2; Horowitz & Sahni (1974) for the two halves.
    """
    d = numbers(differences)
    k = len(d)
    if k == 0 or k > MOST_SIGNS:
        return None
    observed = abs(math.fsum(d)) - 1e-12 * math.fsum(abs(d))
    if observed <= 0:
        return 1.0
    one, other = _signed_sums(d[: k // 2]), np.sort(_signed_sums(d[k // 2 :]))
    as_far = 2 * (len(other) * len(one) - int(np.searchsorted(other, observed - one).sum()))
    return float(as_far / 2**k)


def _signed_sums(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sums of the values under every assignment of signs."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    return sums


def wilson(successes: float, n: float) -> Interval | None:
    """Wilson score interval of a proportion on (possibly effective, so fractional) counts; ``None`` when n is 0.

    Raises:
        ValueError: when there are fewer than none or more than n successes, or either is not a number.

    Source: Wilson (1927); no continuity correction.
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
    """How many times less a failure count says than independent failures would: at least 1.

    Args:
        counts: ``(requests, failures)`` of consecutive windows.

    Returns:
        Observed variance of the windows' failure shares over the binomial one, never below 1; 1 where nothing varies
        (fewer than two windows, no failures or nothing else).

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
    """Log odds with half a success and half a failure added, so that 0 and n stay finite.

    Source: Haldane (1956); Anscombe (1956).
    """
    return math.log((successes + 0.5) / (n - successes + 0.5))


def expit(x: float) -> float:
    """The inverse of the log odds."""
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


@cache
def t_quantile(p: float, df: int) -> float:
    """Quantile of Student's t for p in (0.5, 1), by bisection on the exact distribution function.

    For whole degrees of freedom the distribution function is a finite sum (Abramowitz & Stegun 26.7.3 and 26.7.4), so
    no approximation and no dependency on scipy is needed at run time.
    """
    low, high = 0.0, 1.0
    while _t_cdf(high, df) < p:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        if _t_cdf(middle, df) < p:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def t_p(t: float, df: int) -> float:
    """Two-sided p-value of Student's t for whole degrees of freedom; right to about 1e-15, so never below that."""
    return max(0.0, 2 * (1 - _t_cdf(abs(t), df)))


def beyond_p(interval: Interval, limit: float, df: int, *, above: bool) -> float:
    """One-sided p-value of "the mean is at the limit", against it lying above (or below), of a 95 % t interval.

    0.025 where the interval just touches the limit. Source: the one-sample t test, Student (1908).
    """
    distance = interval.value - limit if above else limit - interval.value
    error = (interval.high - interval.low) / 2 / t_quantile(0.975, df)
    if error == 0:
        return 0.0 if distance > 0 else 1.0
    return 1 - _t_cdf(distance / error, df) if distance >= 0 else _t_cdf(-distance / error, df)


def _t_cdf(t: float, df: int) -> float:
    theta = math.atan(t / math.sqrt(df))
    cos2 = math.cos(theta) ** 2
    if df % 2:
        term, total = math.cos(theta), 0.0
        for i in range(1, (df - 1) // 2 + 1):
            total += term
            term *= cos2 * 2 * i / (2 * i + 1)
        area = 2 / math.pi * (theta + math.sin(theta) * total)
    else:
        term, total = 1.0, 0.0
        for i in range(1, df // 2 + 1):
            total += term
            term *= cos2 * (2 * i - 1) / (2 * i)
        area = math.sin(theta) * total
    return 0.5 + area / 2
