"""Adjusted p-values against statsmodels."""

import math
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from harness.statistics.significance import benjamini_hochberg, holm

chances = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@given(chances)
def test_holm_agrees_with_statsmodels(p: list[float]) -> None:
    with patch("gc.collect"):  # which statsmodels calls after each, and which takes nearly all of its time
        expected = multipletests(p, method="holm")[1]
    assert holm(p) == pytest.approx(expected, abs=1e-9)


@given(chances)
def test_benjamini_and_hochberg_agree_with_statsmodels(p: list[float]) -> None:
    assert benjamini_hochberg(p) == pytest.approx(multipletests(p, method="fdr_bh")[1], abs=1e-9)


@given(chances)
def test_an_adjusted_p_is_no_smaller_and_holm_no_more_lenient(p: list[float]) -> None:
    strict, lenient = holm(p), benjamini_hochberg(p)
    assert all(a <= b + 1e-12 <= c + 2e-12 for a, b, c in zip(p, lenient, strict, strict=True))


@given(chances)
def test_the_order_of_questions_is_nothing(p: list[float]) -> None:
    backwards = p[::-1]
    assert holm(backwards) == holm(p)[::-1]
    assert benjamini_hochberg(backwards) == benjamini_hochberg(p)[::-1]


@pytest.mark.parametrize(
    ("p", "by_holm", "by_share"),
    [
        ([], [], []),
        ([0.04], [0.04], [0.04]),
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06], [0.03, 0.04, 0.04]),
        ([0.02, 0.02, 0.02], [0.06, 0.06, 0.06], [0.02, 0.02, 0.02]),
        ([0.0, 1.0, 0.6], [0.0, 1.0, 1.0], [0.0, 1.0, 0.9]),
    ],
)
def test_small_tables(p: list[float], by_holm: list[float], by_share: list[float]) -> None:
    assert holm(p) == pytest.approx(by_holm)
    assert benjamini_hochberg(p) == pytest.approx(by_share)


@pytest.mark.parametrize("odd", [-0.1, 1.1, math.nan, math.inf])
def test_what_is_no_probability_is_refused(odd: float) -> None:
    for adjust in (holm, benjamini_hochberg):
        with pytest.raises(ValueError, match="between 0 and 1"):
            adjust([0.5, odd])
