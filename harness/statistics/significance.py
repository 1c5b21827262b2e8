"""Significance: p-values of a change and of a limit."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.statistics.intervals import Interval, finite_array, t_cdf, t_quantile

MAX_BLOCKS = 32


def sign_flip_p(differences: Sequence[float]) -> float | None:
    """Exact two-sided sign-flip p-value of "the mean difference is zero".

    All 2^K assignments of signs are equally likely when the order within a block was random and nothing changed, so
    the least p is 2/2^K: 0.125 with four blocks, 0.03125 with six. The assignments are counted without listing them:
    the sums of either half of the blocks, sorted, give how many of all sums are as far from 0 as the observed one.

    Of one difference per block; in (0, 1], ``None`` for no differences or more than 32.

    Source: Good, Permutation Tests (2000), section 3.2; Horowitz & Sahni (1974) for the two halves.
    """
    d = finite_array(differences)
    k = len(d)
    if k == 0 or k > MAX_BLOCKS:
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


def two_sided_p(t: float, df: int) -> float:
    """Two-sided p-value of a t statistic, right to about 1e-15, so never below that. Source: Student (1908)."""
    return max(0.0, 2 * (1 - t_cdf(abs(t), df)))


def one_sided_p(interval: Interval, limit: float, df: int, *, above: bool) -> float:
    """P-value of "the mean is at the limit" against "above it" (or below), from a 95 % t interval of the mean.

    0.025 where the interval just touches the limit. Source: Student (1908), the one-sample t test.
    """
    distance = interval.value - limit if above else limit - interval.value
    error = interval.half_width / t_quantile(0.975, df)
    if error == 0:
        return 0.0 if distance > 0 else 1.0
    return 1 - t_cdf(distance / error, df) if distance >= 0 else t_cdf(-distance / error, df)


def holm(p: Sequence[float]) -> list[float]:
    """Adjusted p-values that control the family-wise error rate, whatever the dependence of the questions.

    The adjusted ones are in the order of ``p``, at least as large, at most 1; ``ValueError`` for one outside [0, 1].
    Source: Holm (1979); Wright (1992) for adjusted p-values.
    """
    values, order = _ranked(p)
    larger = values[order] * np.arange(len(values), 0, -1)
    return _in_place(np.maximum.accumulate(larger), order)


def benjamini_hochberg(p: Sequence[float]) -> list[float]:
    """Adjusted p-values that control the false discovery rate, for questions of positive dependence.

    Otherwise as ``holm``. Source: Benjamini & Hochberg (1995); Yekutieli & Benjamini (1999) for adjusted p-values.
    """
    values, order = _ranked(p)
    larger = values[order] * len(values) / np.arange(1, len(values) + 1)
    return _in_place(np.minimum.accumulate(larger[::-1])[::-1], order)


def _ranked(p: Sequence[float]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    values = np.asarray(p, dtype=np.float64)
    if not np.all((values >= 0) & (values <= 1)):
        raise ValueError("a p-value must be between 0 and 1")
    return values, np.argsort(values, kind="stable")


def _in_place(adjusted: NDArray[np.float64], order: NDArray[np.intp]) -> list[float]:
    found = np.empty_like(adjusted)
    found[order] = np.minimum(adjusted, 1.0)
    return [float(value) for value in found]
