"""The stationary bootstrap against arch: the same draws, the same block length."""

import math
from typing import Any

import numpy as np
import pytest
from arch.bootstrap import StationaryBootstrap, optimal_block_length
from hypothesis import given
from hypothesis import strategies as st

from harness.inference.resampling import block_length, stationary_indices


@given(st.integers(2, 300), st.floats(1, 40), st.integers(0, 2**32))
def test_the_draws_are_those_of_arch(n: int, length: float, seed: int) -> None:
    blocks: Any = StationaryBootstrap  # its own types know whole lengths only
    theirs = blocks(length, np.arange(n), seed=np.random.default_rng(seed))
    expected = [data[0][0] for data in theirs.bootstrap(5)]
    found = stationary_indices(n, length, 5, np.random.default_rng(seed))
    assert found.tolist() == np.array(expected).tolist()


@given(st.integers(12, 500), st.floats(-0.9, 0.98), st.integers(0, 2**32))
def test_the_block_length_is_that_of_arch(n: int, kinship: float, seed: int) -> None:
    values = series(n, kinship, seed)
    expected = float(optimal_block_length(values)["stationary"].iloc[0])
    assert block_length(list(values)) == pytest.approx(max(1.0, expected), rel=1e-9)


def series(n: int, kinship: float, seed: int) -> np.ndarray:
    values = np.random.default_rng(seed).standard_t(4, n)
    for i in range(1, n):
        values[i] += kinship * values[i - 1]
    return values


def test_blocks_are_as_long_as_asked_and_every_value_is_as_likely() -> None:
    found = stationary_indices(50, 8.0, 4000, np.random.default_rng(5))
    breaks = np.mean((np.diff(found, axis=1) % 50) != 1)
    assert breaks == pytest.approx(1 / 8 * 49 / 50, rel=0.03)  # one in fifty begins where the last one ended
    assert np.bincount(found.ravel(), minlength=50) / found.size == pytest.approx(np.full(50, 0.02), rel=0.1)


def test_blocks_of_one_are_values_drawn_one_by_one() -> None:
    found = stationary_indices(7, 1.0, 3, np.random.default_rng(1))
    chance = np.random.default_rng(1)
    for row in found:
        assert row.tolist() == chance.integers(7, size=7).tolist()
        chance.random(7)


@pytest.mark.parametrize(
    ("values", "expected"),
    [([], None), ([1.0], None), ([*range(11)], None), ([3.0] * 12, 1.0), ([0.0] * 100, 1.0)],
)
def test_a_block_length_at_its_edges(values: list[float], expected: float | None) -> None:
    assert block_length(values) == expected


def test_alike_neighbours_ask_for_longer_blocks() -> None:
    loose, alike = block_length(list(series(400, 0.0, 2))), block_length(list(series(400, 0.9, 2)))
    assert loose is not None
    assert alike is not None
    assert loose < 4
    assert alike > 12


@pytest.mark.parametrize(("n", "length"), [(0, 1.0), (5, 0.9), (5, math.nan)])
def test_impossible_blocks_are_refused(n: int, length: float) -> None:
    with pytest.raises(ValueError, match="at least"):
        stationary_indices(n, length, 1, np.random.default_rng(1))


@pytest.mark.parametrize("odd", [math.nan, math.inf])
def test_what_is_no_number_is_refused(odd: float) -> None:
    with pytest.raises(ValueError, match="not a number"):
        block_length([1.0, odd])
