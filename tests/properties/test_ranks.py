"""Intervals by ranks against scipy, and what must hold for any values."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.inference.ranks import _binomial, _signed_rank, hodges_lehmann, quantile_interval
from harness.statistics import percentile

distinct = st.lists(st.integers(-(10**6), 10**6), min_size=6, max_size=14, unique_by=abs).map(
    lambda whole: [i / 64 for i in whole]
)
blocks = st.lists(st.integers(-50, 50).map(lambda i: i / 8), min_size=6, max_size=40)


@given(distinct)
def test_hodges_lehmann_holds_just_what_the_signed_rank_test_does_not_reject(values: list[float]) -> None:
    found = hodges_lehmann(values)
    assert found is not None
    nudge = 1e-9 * (1 + max(map(abs, values)))
    for inside, outside in ((found.low + nudge, found.low - nudge), (found.high - nudge, found.high + nudge)):
        if found.low + 2 * nudge < found.high:
            assert signed_rank_p(values, inside) > 0.05
        assert signed_rank_p(values, outside) <= 0.05


def signed_rank_p(values: list[float], middle: float) -> float:
    return float(stats.wilcoxon(np.array(values) - middle, method="exact").pvalue)


@given(blocks)
def test_hodges_lehmann_is_the_median_of_all_means_of_two(values: list[float]) -> None:
    found = hodges_lehmann(values)
    assert found is not None
    means = [(a + b) / 2 for i, a in enumerate(values) for b in values[i:]]
    assert found.value == pytest.approx(np.median(means), abs=1e-9)
    assert min(values) <= found.low <= found.value <= found.high <= max(values)


@given(blocks, st.integers(-8, 8), st.sampled_from([-4.0, -1.0, 0.5, 2.0]))
def test_hodges_lehmann_moves_and_stretches_with_its_values(values: list[float], shift: int, factor: float) -> None:
    one, other = hodges_lehmann(values), hodges_lehmann([factor * v + shift for v in values])
    assert one is not None
    assert other is not None
    ends = sorted((factor * one.low + shift, factor * one.high + shift))
    assert [other.value, other.low, other.high] == pytest.approx([factor * one.value + shift, *ends], abs=1e-9)


@given(st.integers(1, 60))
def test_the_signed_rank_distribution_is_that_of_all_signs(n: int) -> None:
    chances = _signed_rank(n)
    sums = np.arange(len(chances))
    assert len(chances) == n * (n + 1) // 2 + 1
    assert chances.sum() == pytest.approx(1, abs=1e-12)
    assert chances @ sums == pytest.approx(n * (n + 1) / 4, rel=1e-9)
    assert chances @ sums**2 - (chances @ sums) ** 2 == pytest.approx(n * (n + 1) * (2 * n + 1) / 24, rel=1e-9)
    assert chances == pytest.approx(chances[::-1], abs=1e-15)


@given(st.integers(1, 3000), st.integers(1, 999))
def test_quantile_interval_agrees_with_scipy(n: int, permille: int) -> None:
    values = np.random.default_rng(n * 1000 + permille).standard_normal(n)
    found = quantile_interval(values, Fraction(permille, 1000))
    theirs: Any = stats.quantile_test(values, q=0, p=permille / 1000).confidence_interval(0.95)
    if found is None:
        assert math.isnan(theirs.low) or math.isnan(theirs.high)
        return
    assert (found.low, found.high) == (theirs.low, theirs.high)
    assert found.value == percentile(values, Fraction(permille, 1000))


@given(st.integers(1, 10_000_000), st.floats(0.001, 0.999))
def test_the_binomial_agrees_with_scipy(n: int, p: float) -> None:
    least, chances = _binomial(n, p)
    counts = least + np.arange(len(chances))
    assert chances.cumsum() == pytest.approx(stats.binom.cdf(counts, n, p), abs=1e-9)
