"""Fixed examples from the literature and the edges; the properties are in tests/pure/properties."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.metrics import METRICS
from harness.statistics.intervals import Interval, t_interval, welch
from harness.statistics.percentiles import median_unbiased, percentile, percentiles, tolerance_rank
from harness.statistics.proportions import beta_cdf, clopper_pearson_low, design_effect, expit, logit, newcombe, wilson
from harness.statistics.significance import sign_flip_p
from harness.statistics.time_series import trend


@pytest.mark.parametrize(
    ("values", "quantile", "expected"),
    [
        ([], "0.95", None),
        ([7.0], "0.01", 7.0),
        ([7.0], "0.999", 7.0),
        (range(1, 21), "0.95", 19.0),  # 0.95 x 20 = 19 exactly, in floats 19.000000000000004
        (range(1, 101), "0.29", 29.0),  # 0.29 x 100 = 28.999999999999996 in floats
        (range(1, 22), "0.95", 20.0),  # 19.95 rounds up
        ([3.0, 1.0, 2.0], "0.5", 2.0),
        ([5.0, 5.0, 5.0, 9.0], "0.75", 5.0),
    ],
)
def test_percentile_is_the_nearest_rank(values: list[float], quantile: str, expected: float | None) -> None:
    assert percentile(np.array(values, dtype=float), Fraction(quantile)) == expected


def test_percentile_leaves_its_input_alone() -> None:
    values = np.array([3.0, 1.0, 2.0])
    percentile(values, Fraction(1, 2))
    assert values.tolist() == [3.0, 1.0, 2.0]


def test_wilson_at_the_edges() -> None:
    assert wilson(0, 0) is None
    none_of_1000 = wilson(0, 1000)
    assert none_of_1000 is not None
    assert none_of_1000.low == 0
    assert none_of_1000.high == pytest.approx(0.00383, abs=1e-5)  # "0 errors in 1,000 still allows 0.38 %"
    few, enough = wilson(0, 3800), wilson(0, 3840)
    assert few is not None
    assert enough is not None
    assert few.high > 0.001 > enough.high  # "< 0.1 % needs about 3,840 clean requests"
    assert (every := wilson(10, 10)) is not None
    assert every.high == 1


def test_newcombe_reproduces_the_published_example() -> None:
    """Newcombe (1998), table II, example (a), method 10: 56/70 against 48/80."""
    one, other = wilson(48, 80), wilson(56, 70)
    assert one is not None
    assert other is not None
    difference = newcombe(one, other)
    assert difference.value == pytest.approx(0.2)
    assert (difference.low, difference.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


@pytest.mark.parametrize(
    ("differences", "p"),
    [
        ([], None),
        ([1.0], 1.0),
        ([1.0, 1.0, 1.0, 1.0], 0.125),
        ([1.0] * 5, 0.0625),
        ([1.0] * 6, 0.03125),
        ([0.0, 0.0], 1.0),
        ([3.0, -3.0], 1.0),
        ([1.0, 2.0, 3.0, -0.5], 0.25),  # |sum| >= 5.5: all plus, 0.5 flipped (6.5), and their mirrors
        ([1.0] * 16, 2 / 2**16),
        ([1.0] * 17, 2 / 2**17),
        ([0.1] * 32, 2 / 2**32),
        ([0.0] * 31 + [1.0], 1.0),
        ([1.0] * 10 + [-1.0] * 10, 1.0),
        ([0.3, 0.1, 0.2, -0.3, -0.3], 1.0),  # 0 but for rounding
        ([0.1] * 33, None),
    ],
)
def test_sign_flip_counts_every_assignment(differences: list[float], p: float | None) -> None:
    assert sign_flip_p(differences) == p


def test_t_interval_needs_two_values() -> None:
    assert t_interval([]) is None
    assert t_interval([4.2]) is None
    four = t_interval([1.0, 2.0, 3.0, 4.0])
    assert four is not None
    assert (four.value, four.low, four.high) == pytest.approx((2.5, 0.44574, 4.55426), abs=1e-5)
    assert t_interval([0.0, 0.0]) == Interval(0, 0, 0)


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_refused(odd: float) -> None:
    statistics = (
        t_interval,
        trend,
        sign_flip_p,
        lambda values: welch(values, [1.0, 2.0]),
        lambda values: welch([1.0, 2.0], values),
    )
    for statistic in statistics:
        with pytest.raises(ValueError, match="infinite or not a number"):
            statistic([1.0, odd, 2.0])


def test_a_percentile_refuses_what_is_no_number_and_keeps_what_never_ended() -> None:
    with pytest.raises(ValueError, match="not a number"):
        percentile(np.array([1.0, math.nan, 2.0]), Fraction(1, 2))
    assert percentile(np.array([1.0, math.inf]), Fraction(1)) == math.inf


@pytest.mark.parametrize(("successes", "n"), [(-1, 5), (6, 5), (1, 0), (math.nan, 5), (1, math.nan), (-1, -5)])
def test_wilson_refuses_what_is_no_proportion(successes: float, n: float) -> None:
    with pytest.raises(ValueError, match="no proportion"):
        wilson(successes, n)


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        ([], 1.0),
        ([(100, 3)], 1.0),
        ([(100, 0), (100, 0)], 1.0),
        ([(100, 1), (100, 1), (100, 1)], 1.0),  # steadier than chance is not more information
        ([(100, 0), (100, 40)], 50.0),  # all failures in one window: (20^2 + 20^2) / (100 * 0.2 * 0.8)
        ([(100, 0), (0, 0), (100, 40)], 50.0),
    ],
)
def test_design_effect_of_clustered_failures(windows: list[tuple[int, int]], expected: float) -> None:
    assert design_effect(windows) == pytest.approx(expected)


def test_logit_stays_finite_and_expit_undoes_it() -> None:
    assert logit(0, 0) == 0
    assert expit(logit(0, 10)) == pytest.approx(0.5 / 11)
    assert expit(logit(10, 10)) == pytest.approx(10.5 / 11)
    assert expit(-800) == 0
    assert expit(800) == 1


def test_a_percentile_needs_as_many_samples_as_can_bound_it() -> None:
    for metric in METRICS.values():
        if metric.quantile is not None:
            q, n = float(metric.quantile), metric.min_samples
            assert q**n < 0.05 <= q ** (n - 1), metric.name
    assert METRICS["p95"].finding_samples == 2000
    assert METRICS["p99"].finding_samples == 10_000


def test_welch_reproduces_a_worked_example_in_the_direction_of_after() -> None:
    """Means 2.5 and 20, variances 5/3 and 100: 2.05 degrees of freedom, rounded down to 2."""
    interval = welch([1.0, 2.0, 3.0, 4.0], [10.0, 20.0, 30.0])
    assert interval is not None
    half = 4.302653 * (5 / 3 / 4 + 100 / 3) ** 0.5
    assert (interval.value, interval.low, interval.high) == pytest.approx((17.5, 17.5 - half, 17.5 + half), abs=1e-4)


def test_welch_uses_one_value_less_than_each_side_has_for_its_degrees_of_freedom() -> None:
    """Variances 0.5 and 2 over five values each: 5.9 degrees of freedom, rounded down to 5."""
    one, other = [0.0, 1.0, 1.0, 1.0, 2.0], [0.0, 2.0, 2.0, 2.0, 4.0]
    interval = welch(one, other)
    assert interval is not None
    theirs = 4 * (0.5 / 5 + 2 / 5) ** 2 / ((0.5 / 5) ** 2 + (2 / 5) ** 2)
    assert 5 < theirs < 6
    assert interval.high - interval.value == pytest.approx(2.570582 * (0.5 / 5 + 2 / 5) ** 0.5, abs=1e-5)


def test_welch_needs_two_values_on_either_side_and_no_spread_is_no_width() -> None:
    assert welch([1.0], [1.0, 2.0, 3.0]) is None
    assert welch([1.0, 2.0, 3.0], [1.0]) is None
    constant = welch([2.0, 2.0], [5.0, 5.0, 5.0])
    assert constant is not None
    assert (constant.value, constant.low, constant.high) == (3, 3, 3)


@pytest.mark.parametrize("n", [16, 60, 61, 601])
def test_a_trend_is_theil_and_sen_on_the_means_of_eight_stretches(n: int) -> None:
    values = np.random.default_rng(n).standard_normal(n) + 0.01 * np.arange(n)
    size = n // 8
    oracle = stats.theilslopes(values[-8 * size :].reshape(8, size).mean(axis=1), np.arange(8) * size)
    found = trend(list(values))
    assert found is not None
    assert [found.value, found.low, found.high] == pytest.approx([oracle[0], oracle[2], oracle[3]], rel=1e-9)


def test_a_trend_covers_the_slope_though_neighbours_are_alike() -> None:
    chance, covered = np.random.default_rng(3), 0
    for _ in range(300):
        errors = np.zeros(60)
        for i in range(1, 60):
            errors[i] = 0.5 * errors[i - 1] + chance.standard_t(4)
        found = trend(list(0.1 * np.arange(60) + errors))
        assert found is not None
        covered += found.low <= 0.1 <= found.high
    assert covered / 300 > 0.92


def test_too_short_a_series_has_no_trend() -> None:
    assert trend([1.0] * 15) is None
    assert trend([1.0] * 16) == Interval(0, 0, 0)


@pytest.mark.parametrize(
    ("successes", "n"), [(0, 10), (1, 1), (1, 152), (10, 10), (37, 50_000), (3.3, 100.7), (2_500, 1e5), (0.4, 12.5)]
)
def test_the_exact_lower_bound_is_that_of_scipy(successes: float, n: float) -> None:
    expected = stats.beta.ppf(0.025, successes, n - successes + 1) if successes else 0.0
    assert clopper_pearson_low(successes, n) == pytest.approx(expected, rel=1e-9)


def test_one_failure_of_152_is_no_evidence_against_one_in_a_thousand() -> None:
    """It happens in 14 of 100 runs whose true rate is 0.1 %."""
    assert clopper_pearson_low(1, 152) < 0.001
    assert beta_cdf(0.001, 1, 152) == pytest.approx(1 - 0.999**152)


@given(a=st.floats(0.1, 1e4), b=st.floats(0.1, 1e4), x=st.floats(0, 1))
def test_the_beta_distribution_is_that_of_scipy(a: float, b: float, x: float) -> None:
    assert beta_cdf(x, a, b) == pytest.approx(float(stats.beta.cdf(x, a, b)), abs=1e-9)


@pytest.mark.parametrize(("successes", "n"), [(-1, 5), (6, 5), (math.nan, 5)])
def test_what_is_no_proportion_has_no_exact_bound(successes: float, n: float) -> None:
    with pytest.raises(ValueError, match="no proportion"):
        clopper_pearson_low(successes, n)


def test_ranks_of_the_tolerance_bound() -> None:
    """The r-th largest of n values is above their 95th percentile with 95 % confidence."""
    firsts = [next(n for n in range(300) if tolerance_rank(n) == rank) for rank in range(1, 6)]
    assert firsts == [59, 93, 124, 153, 181]
    assert tolerance_rank(20_000) == int(stats.binom.ppf(0.05, 20_000, 0.05))


@given(
    values=st.lists(st.floats(0, 1e6), min_size=1, max_size=60),
    share=st.fractions(0, 1, max_denominator=1000),
)
def test_median_unbiased_percentiles_are_those_of_numpy(values: list[float], share: Fraction) -> None:
    (found,) = median_unbiased(np.array(values), [share])
    assert found == pytest.approx(float(np.quantile(values, float(share), method="median_unbiased")), abs=1e-6)


def test_equal_legs_of_unlike_counts_have_equal_estimates() -> None:
    """P99 of 310 and of 390 requests from one distribution: nearest rank makes 1.05 of it."""
    legs = [-np.log1p(-(np.arange(1, n + 1) - 1 / 3) / (n + 1 / 3)) for n in (310, 390)]
    few, many = (percentiles(leg, [Fraction("0.99")])[0] or 0.0 for leg in legs)
    assert many / few > 1.05
    few, many = (median_unbiased(leg, [Fraction("0.99")])[0] for leg in legs)
    assert many / few == pytest.approx(1.0, abs=0.005)
