"""Which load is tried next, and what tries come to."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.plan.search import Bracket, Ending, TryOutcome, bracket, next_load
from harness.plan.stages import Search

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HELD, MISSED, VOID = TryOutcome.HELD, TryOutcome.MISSED, TryOutcome.VOID
SEARCH = Search.model_validate({"from": 20, "to": 200, "precision": "20 %"})


@pytest.mark.parametrize(
    ("said", "following"),
    [
        ([], 20),
        ([(20, HELD)], 40),
        ([(20, HELD), (40, HELD), (80, HELD)], 160),
        ([(20, HELD), (160, HELD)], 200),  # no more than the most
        ([(20, HELD), (200, HELD)], Ending.MOST),
        ([(20, MISSED)], 20),  # once more
        ([(20, MISSED), (20, HELD)], 40),
        ([(20, MISSED), (20, MISSED)], Ending.LEAST),
        ([(20, HELD), (40, MISSED)], 40),
        ([(20, HELD), (40, MISSED), (40, MISSED)], 28.28),  # the geometric middle
        ([(20, HELD), (40, MISSED), (40, MISSED), (28.28, HELD)], 33.63),
        ([(20, HELD), (24, MISSED), (24, MISSED)], Ending.FOUND),
        ([(20, HELD), (40, VOID)], Ending.GENERATOR),
        ([(20, HELD), (40, MISSED), (40, VOID)], Ending.GENERATOR),
    ],
)
def test_the_load_that_follows(said: Sequence[tuple[float, TryOutcome]], following: float | Ending) -> None:
    assert next_load(SEARCH, said) == following


def test_a_search_that_does_not_confirm_goes_on_at_once() -> None:
    hasty = SEARCH.model_copy(update={"confirm": False})
    assert next_load(hasty, [(20, HELD), (40, MISSED)]) == 28.28
    assert next_load(hasty, [(20, MISSED)]) is Ending.LEAST


@pytest.mark.parametrize(
    ("said", "known"),
    [
        ([], Bracket(None, None)),
        ([(20, HELD)], Bracket(20, None)),
        ([(20, MISSED)], Bracket(None, None)),  # once is chance
        ([(20, MISSED), (20, MISSED)], Bracket(None, 20)),
        ([(20, HELD), (40, MISSED), (40, HELD)], Bracket(40, None)),
        ([(20, HELD), (40, MISSED), (40, MISSED)], Bracket(20, 40)),
        ([(20, HELD), (40, MISSED), (40, VOID)], Bracket(20, None)),  # nobody knows whose fault
        ([(20, HELD), (80, HELD), (40, MISSED), (40, MISSED)], Bracket(20, 40)),  # above what missed it is luck
    ],
)
def test_what_tries_come_to(said: Sequence[tuple[float, TryOutcome]], known: Bracket) -> None:
    assert bracket(said, confirm=True) == known


def conducted(
    search: Search, answer: Callable[[float], TryOutcome], most: int = 200
) -> tuple[list[float], Ending, Bracket]:
    said: list[tuple[float, TryOutcome]] = []
    while len(said) < most:
        step = next_load(search, said)
        if isinstance(step, Ending):
            return [load for load, _ in said], step, bracket(said, confirm=search.confirm)
        said.append((step, answer(step)))
    raise AssertionError("it does not end")


searches = st.builds(
    lambda least, factor, precision: Search.model_validate(
        {"from": least, "to": least * factor, "precision": precision}
    ),
    st.floats(0.5, 500),
    st.floats(1.01, 1900),
    st.floats(0.01, 1),
)


@given(searches, st.floats(0.1, 1e6))
def test_a_service_with_a_sharp_capacity_is_bracketed_as_near_as_asked(search: Search, capacity: float) -> None:
    tried, ended, known = conducted(search, lambda load: HELD if load <= capacity else MISSED)
    if capacity < search.from_:
        assert (ended, known) == (Ending.LEAST, Bracket(None, search.from_))
    elif capacity >= search.to:
        assert (ended, known) == (Ending.MOST, Bracket(search.to, None))
    else:
        assert ended is Ending.FOUND
        assert known.low is not None
        assert known.high is not None
        assert known.low <= capacity < known.high
        assert known.high <= known.low * (1 + search.precision) * 1.001  # the loads have four digits
    assert all(search.from_ <= load <= search.to for load in tried)
    doublings = math.log2(search.to / search.from_) + 2
    halvings = math.log2(max(math.log(2) / math.log1p(search.precision), 1)) + 2
    assert len(tried) <= 2 * (doublings + halvings)


@given(searches, st.floats(1, 1e5), st.integers(0, 2**32))
def test_the_same_answers_give_the_same_loads(search: Search, capacity: float, seed: int) -> None:
    def noisy() -> Callable[[float], TryOutcome]:
        asked: dict[float, int] = {}

        def answer(load: float) -> TryOutcome:
            asked[load] = asked.get(load, 0) + 1
            luck = (hash((seed, load, asked[load])) % 1000) / 1000
            return HELD if load * (0.8 + 0.4 * luck) <= capacity else MISSED

        return answer

    first, again = conducted(search, noisy()), conducted(search, noisy())
    assert first == again
    _, _, known = first
    assert known.low is None or known.high is None or known.low < known.high


@pytest.mark.parametrize(
    ("written", "precision"), [("5 %", 0.05), ("5%", 0.05), ("2.5 %", 0.025), (0.1, 0.1), ("0.1", 0.1)]
)
def test_how_near_is_written_as_a_share(written: object, precision: float) -> None:
    assert Search.model_validate({"from": 1, "to": 2, "precision": written}).precision == pytest.approx(precision)
