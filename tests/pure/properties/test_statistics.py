"""The statistics against independent implementations, over random inputs."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats import proportion

from harness.statistics.intervals import t_interval, t_quantile, welch
from harness.statistics.percentiles import percentile
from harness.statistics.proportions import newcombe, wilson
from harness.statistics.significance import sign_flip_p
from tests.examples import examples

numbers = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300)


@given(numbers, st.integers(1, 1000))
def test_percentile_is_the_smallest_value_that_enough_values_reach(values: list[float], permille: int) -> None:
    found = percentile(np.array(values), Fraction(permille, 1000))
    assert found in values
    assert sum(v <= found for v in values) * 1000 >= permille * len(values)
    assert sum(v < found for v in values) * 1000 < permille * len(values)


@given(st.lists(st.integers(-(10**6), 10**6), min_size=2, max_size=40))
def test_t_interval_agrees_with_scipy(values: list[int]) -> None:
    interval = t_interval(values)
    assert interval is not None
    spread = stats.sem(values)
    if spread == 0:
        assert interval.low == interval.high == interval.value
        return
    low, high = stats.t.interval(0.95, len(values) - 1, np.mean(values), spread)
    assert (interval.low, interval.high) == pytest.approx((low, high), rel=1e-9, abs=1e-9 * spread)


@given(st.integers(1, 200), st.floats(0.51, 0.9999))
def test_t_quantile_agrees_with_scipy(df: int, p: float) -> None:
    assert t_quantile(p, df) == pytest.approx(stats.t.ppf(p, df), rel=1e-9)


@given(st.integers(1, 10_000), st.data())
def test_wilson_agrees_with_scipy(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    interval = wilson(k, n)
    assert interval is not None
    theirs = stats.binomtest(k, n).proportion_ci(method="wilson")
    assert (interval.low, interval.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
    assert interval.low <= interval.value <= interval.high


@given(st.integers(1, 500), st.integers(1, 500), st.data())
def test_newcombe_contains_its_estimate_and_mirrors(n: int, m: int, data: st.DataObject) -> None:
    one, other = wilson(data.draw(st.integers(0, n)), n), wilson(data.draw(st.integers(0, m)), m)
    assert one is not None
    assert other is not None
    there, back = newcombe(one, other), newcombe(other, one)
    assert -1 - 1e-9 <= there.low <= there.value <= there.high <= 1 + 1e-9
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))


@given(st.integers(1, 500), st.integers(1, 500), st.data())
def test_newcombe_agrees_with_statsmodels(n: int, m: int, data: st.DataObject) -> None:
    successes, others = data.draw(st.integers(0, n)), data.draw(st.integers(0, m))
    before, after = wilson(others, m), wilson(successes, n)
    assert before is not None
    assert after is not None
    found = newcombe(before, after)
    theirs = proportion.confint_proportions_2indep(successes, n, others, m, method="newcomb", compare="diff")
    assert (found.low, found.high) == pytest.approx(theirs, abs=1e-9)
    assert (after.low, after.high) == pytest.approx(
        proportion.proportion_confint(successes, n, method="wilson"), abs=1e-9
    )


@given(
    st.lists(st.integers(-1000, 1000), min_size=2, max_size=12),
    st.lists(st.integers(-1000, 1000), min_size=2, max_size=12),
)
@pytest.mark.filterwarnings("ignore:Precision loss")  # scipy, of values that are all the same
def test_welch_agrees_with_scipy_but_for_its_rounded_degrees_of_freedom(one: list[int], other: list[int]) -> None:
    found = welch(one, other)
    assert found is not None
    if len({*one}) == len({*other}) == 1:
        assert found.low == found.value == found.high
        return
    test = stats.ttest_ind(other, one, equal_var=False)
    assume(abs(test.df - round(test.df)) > 1e-9)
    theirs = stats.t.ppf(0.975, math.floor(test.df)) * math.sqrt(stats.sem(one) ** 2 + stats.sem(other) ** 2)
    assert (found.low, found.high) == pytest.approx((found.value - theirs, found.value + theirs), rel=1e-9, abs=1e-9)


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=14))
def test_sign_flip_agrees_with_listing_every_assignment(differences: list[int]) -> None:
    sums = np.zeros(1)
    for difference in differences:
        sums = np.concatenate([sums + difference, sums - difference])
    assert sign_flip_p(differences) == np.mean(np.abs(sums) >= abs(sum(differences)))


@examples(10)
@given(st.lists(st.floats(-1, 1), min_size=26, max_size=32))
def test_sign_flip_of_many_blocks_is_that_of_the_normal_distribution(differences: list[float]) -> None:
    """As far apart as Berry-Esseen allows: 0.56 sum |d|^3 / (sum d^2)^1.5 on either side (Shevtsova, 2010)."""
    d = np.array(differences) + 0.01
    p = sign_flip_p(list(d))
    assert p is not None
    apart = 2 * 0.56 * float((np.abs(d) ** 3).sum()) / float(d @ d) ** 1.5
    assert p == pytest.approx(2 * stats.norm.sf(abs(d.sum()) / np.sqrt(d @ d)), abs=apart)
    assert p == sign_flip_p(list(-d)) == sign_flip_p(list(8 * d))


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=9))
def test_sign_flip_agrees_with_scipy(differences: list[int]) -> None:
    theirs: Any = stats
    p = theirs.permutation_test(
        (np.array(differences, dtype=float),),
        lambda d, axis: np.abs(np.sum(d, axis=axis)),
        permutation_type="samples",
        alternative="greater",
        n_resamples=np.inf,
        vectorized=True,
    ).pvalue
    assert sign_flip_p(differences) == pytest.approx(p)
