"""Injects the faults of a plan during a leg, and records the begin and end of each."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Self

from harness.environment.base import Environment
from harness.errors import EnvironmentFailedError
from harness.plan.faults import Fault
from harness.record.readings import FAULT


class Faults:
    """The faults of one leg, ended with the context; ``rows`` are 1 at the begin of a fault and 0 at its end."""

    def __init__(
        self, planned: Sequence[tuple[float, Fault]], environment: Environment, say: Callable[[str], None]
    ) -> None:
        self.rows: list[tuple[int, str, str, float]] = []
        self._environment, self._say = environment, say
        self._origin: float | None = None
        self._over = threading.Event()
        self._error: BaseException | None = None
        self._threads = [threading.Thread(target=self._run, args=one, name=one[1].title) for one in planned]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End the faults that are still active."""
        self._over.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def keep_time(self, second: float) -> None:
        """Take the elapsed seconds of the load; the first call above 0 starts the clock."""
        if self._origin is not None or second <= 0:
            return
        self._origin = time.monotonic() - second
        for thread in self._threads:
            thread.start()

    def check(self) -> None:
        """Raise ``EnvironmentFailedError`` for a fault that could not be injected or ended."""
        if self._error is not None:
            raise self._error

    def _run(self, begin: float, fault: Fault) -> None:
        if self._wait(begin):
            return
        try:
            self._say(f"fault: {fault.title}")
            self._note(fault, 1)
            end = self._environment.inject(fault)
            self._wait(begin + fault.seconds)
            self._note(fault, 0)
            end()
            self._say(f"fault ended: {fault.title}")
        except Exception as error:  # noqa: BLE001 - check() raises it in the main thread
            self._error = EnvironmentFailedError(f"fault {fault.title}: {error}")
            self._error.__cause__ = error

    def _wait(self, second: float) -> bool:
        """Wait for a second of the load; returns whether the leg ended before."""
        return self._over.wait(max((self._origin or 0.0) + second - time.monotonic(), 0.0))

    def _note(self, fault: Fault, value: float) -> None:
        self.rows.append((time.time_ns(), fault.service, f"{FAULT}{fault.kind}", value))
