"""The circuit breaker: every state, every event, in a table; no clock but the table's."""

from contextlib import AbstractContextManager, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_app.breaker import BreakerSettings, CircuitBreaker, NoBreaker, State
from reference_app.errors import CircuitOpenError, NotFoundError

CLOSED, OPEN, HALF_OPEN = State


class ServerError(Exception):
    pass


class Lab:
    """A breaker of 3 failures, 10 seconds and 2 successes, at a moment that the test sets."""

    def __init__(self) -> None:
        self.now = 0.0
        self.breaker = CircuitBreaker(
            "lab", lambda error: isinstance(error, ServerError), BreakerSettings(3, 10, 2), lambda: self.now
        )

    def do(self, event: str) -> str:
        """``ok``, ``fail``, ``404``, ``gone`` (the client went away) or ``+N`` seconds; what came of it."""
        if event.startswith("+"):
            self.now += float(event)
            return "later"
        try:
            with self.breaker.attempt():
                happen(event)
        except CircuitOpenError:
            return "refused"
        except (ServerError, NotFoundError, GeneratorExit):
            return "raised"
        return "answered"


def happen(event: str) -> None:
    match event:
        case "fail":
            raise ServerError
        case "404":
            raise NotFoundError("thing", 1)
        case "gone":
            raise GeneratorExit


# What happens, from a new breaker on, and the state it is in afterwards.
TABLE = [
    ("", CLOSED),
    ("ok", CLOSED),
    ("fail fail", CLOSED),
    ("fail fail fail", OPEN),
    ("fail fail ok fail fail", CLOSED),  # in a row
    ("fail fail 404 fail fail", CLOSED),  # an answer is an answer
    ("fail fail gone fail", OPEN),  # nothing was learnt from who went away
    ("gone gone gone", CLOSED),
    ("fail fail fail ok", OPEN),  # not even tried
    ("fail fail fail +9.9 ok", OPEN),
    ("fail fail fail +10", OPEN),  # until somebody tries
    ("fail fail fail +10 ok", HALF_OPEN),
    ("fail fail fail +10 404", HALF_OPEN),
    ("fail fail fail +10 gone", HALF_OPEN),
    ("fail fail fail +10 gone ok ok", CLOSED),
    ("fail fail fail +10 ok ok", CLOSED),
    ("fail fail fail +10 ok gone ok", CLOSED),
    ("fail fail fail +10 ok fail", OPEN),
    ("fail fail fail +10 fail", OPEN),
    ("fail fail fail +10 fail +9.9 ok", OPEN),  # the time begins anew
    ("fail fail fail +10 fail +10 ok ok", CLOSED),
    ("fail fail fail +10 ok ok fail fail", CLOSED),  # counted from nothing
    ("fail fail fail +10 ok ok fail fail fail", OPEN),
]


@pytest.mark.parametrize(("story", "state"), TABLE, ids=[story or "new" for story, _ in TABLE])
def test_a_story_ends_in_its_state(story: str, state: State) -> None:
    lab = Lab()
    for event in story.split():
        lab.do(event)
    assert lab.breaker.state is state


def test_an_open_breaker_says_when_to_come_back() -> None:
    lab = Lab()
    for _ in range(3):
        lab.do("fail")
    lab.now = 2.5
    with pytest.raises(CircuitOpenError, match="the lab is not available; try again in 8 s") as caught, attempt(lab):
        pass
    assert caught.value.headers == {"Retry-After": "8"}
    assert caught.value.status == 503


def attempt(lab: Lab) -> AbstractContextManager[None]:
    return lab.breaker.attempt()


def test_half_open_lets_one_through_at_a_time() -> None:
    lab = Lab()
    for event in ("fail", "fail", "fail", "+10"):
        lab.do(event)
    with attempt(lab):
        assert lab.do("ok") == "refused"
    assert lab.do("ok") == "answered"
    assert lab.breaker.state is CLOSED


@pytest.mark.parametrize("late", ["ok", "fail"])
def test_an_attempt_from_before_a_change_of_state_counts_for_nothing(late: str) -> None:
    """Its failure must not open again what has just closed, nor its success close what has just opened."""
    lab = Lab()
    slow = [attempt(lab) for _ in range(4)]
    for one in slow:
        one.__enter__()
    for _ in range(3):
        lab.do("fail")
    lab.do("+10")
    assert lab.do("ok") == "answered"
    for one in slow:
        ends(one, late)
        assert lab.breaker.state is HALF_OPEN
    lab.do("ok")
    assert lab.breaker.state is CLOSED


def ends(one: AbstractContextManager[None], how: str) -> None:
    with suppress(ServerError):
        if how == "ok":
            one.__exit__(None, None, None)
        else:
            one.__exit__(ServerError, ServerError(), None)


def test_without_a_breaker_everything_is_tried() -> None:
    none = NoBreaker()
    for _ in range(100):
        with suppress(ServerError), none.attempt():
            raise ServerError
    assert none.state is CLOSED


events = st.sampled_from(["ok", "fail", "404", "gone", "+3", "+10"])


@given(st.lists(events, max_size=40))
def test_it_refuses_exactly_while_it_is_open(story: list[str]) -> None:
    lab, opened_at = Lab(), -10.0
    for event in story:
        refuses = lab.breaker.state is OPEN and lab.now < opened_at + 10 and not event.startswith("+")
        outcome = lab.do(event)
        assert (outcome == "refused") == refuses
        if lab.breaker.state is OPEN and outcome == "raised":
            opened_at = lab.now
