"""The order of the arms within blocks: for any number of arms and blocks as balanced as it can be."""

from collections import Counter
from itertools import combinations, pairwise, product

from hypothesis import given
from hypothesis import strategies as st

from harness.run.order import balanced_order

ARMS = st.integers(2, 9).map(lambda n: [f"arm-{index}" for index in range(n)])
SEEDS = st.integers(0, 2**32 - 1)


@given(ARMS, st.integers(1, 40), SEEDS)
def test_every_arm_has_every_place_equally_often(arms: list[str], blocks: int, seed: int) -> None:
    order = balanced_order(blocks, seed, arms)
    assert len(order) == blocks
    assert all(sorted(row) == arms for row in order)
    places = Counter((arm, place) for row in order for place, arm in enumerate(row))
    counts = [places[arm, place] for arm, place in product(arms, range(len(arms)))]
    assert max(counts) - min(counts) <= 1
    assert order == balanced_order(blocks, seed, arms)


@given(ARMS, st.integers(1, 3), SEEDS)
def test_in_whole_squares_each_arm_precedes_and_follows_each_other_equally_often(
    arms: list[str], squares: int, seed: int
) -> None:
    rows = squares * len(arms) * (1 + len(arms) % 2)
    order = balanced_order(rows, seed, arms)
    neighbours = Counter(pair for row in order for pair in pairwise(row))
    assert set(neighbours.values()) == {rows // len(arms)}
    assert len(neighbours) == len(arms) * (len(arms) - 1)
    earlier = Counter(pair for row in order for pair in combinations(row, 2))
    assert set(earlier.values()) == {rows // 2}


@given(st.sampled_from([4, 6, 8]), st.integers(1, 12), SEEDS)
def test_of_two_arms_each_comes_first_in_half_of_the_blocks(n: int, half: int, seed: int) -> None:
    """For an even number of arms and of blocks, however few: rows come with their mirror images."""
    order = balanced_order(2 * half, seed, [str(index) for index in range(n)])
    earlier = Counter(pair for row in order for pair in combinations(row, 2))
    assert set(earlier.values()) == {half}


@given(st.integers(1, 30), SEEDS)
def test_two_arms_go_first_in_turns_whatever_they_are_called(blocks: int, seed: int) -> None:
    first = [row[0] for row in balanced_order(blocks, seed)]
    assert first.count("before") - first.count("after") == blocks % 2
    renamed = balanced_order(blocks, seed, ["a", "b"])
    assert [{"a": "before", "b": "after"}[row[0]] for row in renamed] == first
