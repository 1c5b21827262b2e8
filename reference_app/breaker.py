"""A circuit breaker: after repeated failures, calls to a server are rejected for a while.

             failures in a row                    seconds later, the next attempt
CLOSED ───────────────────────────► OPEN ────────────────────────────────────► HALF_OPEN
  ▲                                   ▲                                            │
  │                                   └──────────── a failure ────────────────────┤
  └──────────────────────────────── successes in a row ────────────────────────────┘

Half open allows one attempt at a time, so that a server that has just recovered does not get all waiting requests at
once. The result of an attempt that began before the last change of state is ignored.
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
    """The state of a circuit breaker."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """Consecutive failures that open a breaker, seconds until half open, consecutive successes that close it."""

    failures: int = 5
    seconds: float = 60.0
    successes: int = 2


class Breaker(Protocol):
    """Allows or rejects attempts."""

    @property
    def state(self) -> State:
        """The state at this moment."""
        ...

    def attempt(self) -> AbstractContextManager[None]:
        """A context for one attempt; raises CircuitOpenError on entry when it is rejected."""
        ...


class CircuitBreaker:
    """The breaker for the server ``name``; ``is_failure`` selects the errors that count as its failures."""

    def __init__(
        self,
        name: str,
        is_failure: Callable[[Exception], bool],
        breaker_settings: BreakerSettings,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._name = name
        self._is_failure = is_failure
        self._settings = breaker_settings
        self._clock = clock
        self._state = State.CLOSED
        self._epoch = 0  # incremented by every change of state
        self._consecutive = 0  # failures while closed, successes while half open
        self._retry_at = 0.0
        self._trying = False

    @property
    def state(self) -> State:
        """The current state; it stays open until the first attempt after the waiting time."""
        return self._state

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """One attempt. An error that is no failure counts as a success.

        Raises:
            CircuitOpenError: when open, or half open with another attempt in progress.
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
                self._trying = False  # the client disconnected: no result
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
                self._consecutive = 0
            case State.CLOSED, True:
                self._count(self._settings.failures, State.OPEN)
            case State.HALF_OPEN, False:
                self._count(self._settings.successes, State.CLOSED)
            case State.HALF_OPEN, True:
                self._enter(State.OPEN)

    def _count(self, enough: int, then: State) -> None:
        self._consecutive += 1
        if self._consecutive >= enough:
            self._enter(then)

    def _enter(self, state: State) -> None:
        logger.warning("the breaker of the %s is %s", self._name, state.replace("_", " "))
        self._state, self._consecutive, self._trying = state, 0, False
        self._epoch += 1
        if state is State.OPEN:
            self._retry_at = self._clock() + self._settings.seconds


class NoBreaker:
    """A breaker that allows every attempt."""

    state = State.CLOSED

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Allow the attempt without counting it."""
        yield
