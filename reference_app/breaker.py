"""A circuit breaker: what keeps failing is left alone for a while, so that nobody waits for it.

                 failures in a row                    seconds later, the next attempt
    CLOSED ───────────────────────────► OPEN ────────────────────────────────────► HALF_OPEN
      ▲                                   ▲                                            │
      │                                   └──────────── a failure ────────────────────┤
      └──────────────────────────────── successes in a row ────────────────────────────┘

Half open lets one attempt through at a time: a server that has just come back is not met by everybody who waited. An
attempt that began before the last change of state says nothing about the state after it.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from time import monotonic
from typing import Protocol

from reference_app.errors import CircuitOpenError

logger = logging.getLogger(__name__)


class State(StrEnum):
    """Whether attempts are made."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Failures in a row that open a breaker, seconds until it tries again, successes in a row that close it."""

    failures: int = 5
    seconds: float = 60.0
    successes: int = 2


class Breaker(Protocol):
    """Decides whether something may be tried."""

    @property
    def state(self) -> State:
        """Whether attempts are made at this moment."""
        ...

    def attempt(self) -> AbstractContextManager[None]:
        """A context for one attempt; raises CircuitOpenError at its start when it must not be made."""
        ...


class CircuitBreaker:
    """Guards ``name``; ``is_failure`` tells an error that speaks of its health from one that does not."""

    def __init__(
        self,
        name: str,
        is_failure: Callable[[Exception], bool],
        tolerance: Tolerance,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._name = name
        self._is_failure = is_failure
        self._tolerance = tolerance
        self._clock = clock
        self._state = State.CLOSED
        self._epoch = 0  # grows with every change of state
        self._in_a_row = 0  # failures while closed, successes while half open
        self._retry_at = 0.0
        self._trying = False

    @property
    def state(self) -> State:
        """The state; open until somebody tries after its time."""
        return self._state

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """One attempt. An error that is no failure means that what is guarded did answer.

        Raises:
            CircuitOpenError: when open, or half open with an attempt under way.
        """
        self._admit()
        epoch = self._epoch
        try:
            yield
        except Exception as error:
            self._ended(epoch, failed=self._is_failure(error))
            raise
        except BaseException:
            if epoch == self._epoch:
                self._trying = False  # the client went away: nothing was learnt
            raise
        self._ended(epoch, failed=False)

    def _admit(self) -> None:
        if self._state is State.OPEN and self._clock() >= self._retry_at:
            self._enter(State.HALF_OPEN)
        if self._state is State.OPEN or self._trying:
            raise CircuitOpenError(self._name, max(self._retry_at - self._clock(), 0.0))
        self._trying = self._state is State.HALF_OPEN

    def _ended(self, epoch: int, *, failed: bool) -> None:
        if epoch != self._epoch:
            return
        self._trying = False
        match self._state, failed:
            case State.CLOSED, False:
                self._in_a_row = 0
            case State.CLOSED, True:
                self._count(self._tolerance.failures, State.OPEN)
            case State.HALF_OPEN, False:
                self._count(self._tolerance.successes, State.CLOSED)
            case State.HALF_OPEN, True:
                self._enter(State.OPEN)

    def _count(self, enough: int, then: State) -> None:
        self._in_a_row += 1
        if self._in_a_row >= enough:
            self._enter(then)

    def _enter(self, state: State) -> None:
        logger.warning("the breaker of the %s is %s", self._name, state.replace("_", " "))
        self._state, self._in_a_row, self._trying = state, 0, False
        self._epoch += 1
        if state is State.OPEN:
            self._retry_at = self._clock() + self._tolerance.seconds


class NoBreaker:
    """Every attempt is made."""

    state = State.CLOSED

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Nothing is counted."""
        yield
