"""Users held, by table and as a law."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.capacity import StressStep, arrivals_started, load_held
from harness.plan.expectation import parse_expectation
from harness.record.capacity_tries import limits_met
from harness.record.generation import OfferedLoad
from harness.record.leg import Leg

LEG = Leg(1, 1, "after")


def steps(*levels: tuple[int, bool]) -> list[StressStep]:
    return [StressStep(LEG, f"stress {i}", users, held) for i, (users, held) in enumerate(levels)]


@pytest.mark.parametrize(
    ("levels", "held"),
    [
        ([], None),  # nobody asked
        ([(50, True)], 50),
        ([(50, False)], 0),
        ([(50, True), (100, True), (200, False)], 100),
        ([(200, False), (50, True), (100, True)], 100),  # in any order
        ([(50, False), (100, True), (200, True)], 0),  # what is above a broken step is luck
        ([(50, True), (100, False), (200, True)], 50),
        ([(50, True), (100, True), (100, False)], 50),  # of two with the same users both must hold
        ([(100, True), (100, True)], 100),
    ],
)
def test_users_held(levels: list[tuple[int, bool]], held: int | None) -> None:
    assert load_held(steps(*levels)) == held


@pytest.mark.parametrize(
    ("values", "held"),
    [
        ({"p95": 299.0, "error_rate": 0.0}, True),
        ({"p95": 300.0, "error_rate": 0.01}, True),
        ({"p95": 300.1, "error_rate": 0.0}, False),
        ({"p95": 10.0, "error_rate": 0.02}, False),  # errors answer fast
        ({"p95": None, "error_rate": 0.0}, False),  # what was not measured is not held
        ({}, False),
    ],
)
def test_all_limits_have_to_hold(values: dict[str, float | None], *, held: bool) -> None:
    limits = [parse_expectation("p95 < 300 ms"), parse_expectation("error_rate < 1 %")]
    assert limits_met(limits, values.get) is held


def of(latency: float | None) -> Callable[[str], float | None]:
    return lambda _: latency


ladders = st.lists(st.tuples(st.integers(1, 20), st.none() | st.integers(1, 100)), min_size=1, max_size=8)


@given(ladders, st.integers(1, 100), st.integers(0, 50))
def test_a_higher_limit_never_lowers_the_users_held(
    ladder: list[tuple[int, int | None]], limit: int, more: int
) -> None:
    def held(ms: int) -> float:
        limits = [parse_expectation(f"p95 < {ms} ms")]
        found = load_held(steps(*((users, limits_met(limits, of(latency))) for users, latency in ladder)))
        assert found is not None
        return found

    assert held(limit) <= held(limit + more)
    assert held(limit) in {0, *(users for users, _ in ladder)}
    assert all(latency is not None and latency <= limit for users, latency in ladder if users <= held(limit))


@pytest.mark.parametrize(
    ("levels", "held"),
    [
        ([(100.0, True), (300.0, True), (600.0, False)], 300.0),
        ([(12.5, True), (25.5, False)], 12.5),
        ([(100.0, False), (300.0, True)], 0.0),
    ],
)
def test_an_open_step_is_held_by_its_rate_and_not_by_its_users(levels: list[tuple[float, bool]], held: float) -> None:
    open_steps = [StressStep(LEG, f"stress {i}", 1000 - i, ok, rate) for i, (rate, ok) in enumerate(levels)]
    assert load_held(open_steps) == held


@pytest.mark.parametrize(("started", "enough"), [(1000, True), (990, True), (989, False), (0, False)])
def test_a_stage_that_lacks_arrivals_is_not_the_one_that_was_planned(started: int, *, enough: bool) -> None:
    offered = [OfferedLoad("other", 1000, 10, 0, 5), OfferedLoad("stress", 1000, started, 0, 5)]
    assert arrivals_started(offered, "stress") is enough
