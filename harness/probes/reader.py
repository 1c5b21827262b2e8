"""The base class of probes: threads that read during a leg."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from harness.record.executions import Executions
    from harness.record.readings import UnavailableReading

Row = tuple[int, str, str, float]
"""``(wall-clock ns, source, name, value)``."""


def next_due(due: float, every: float) -> float:
    """When the next reading is due on the monotonic clock; skips missed ones, so that slow readings do not pile up."""
    now = time.monotonic()
    return due + every if due + every > now else now + every


def ticks(over: threading.Event, every: float, *, after: float = 0.0) -> Iterator[None]:
    """Yield every ``every`` seconds until ``over`` is set, first ``after`` seconds from now."""
    due = time.monotonic() + after
    while not over.wait(max(due - time.monotonic(), 0.0)):
        yield
        due = next_due(due, every)


class Probe:
    """Reads during its context, with a thread per server or service.

    A thread ends after ``_done`` is set; ``__exit__`` waits ``join_seconds`` for it.
    """

    record: ClassVar[str] = "servers"  # the file of ``rows`` in the leg: processes, metrics or servers

    def __init__(self, threads: Mapping[str, Callable[[], None]], join_seconds: float | None = None) -> None:
        self.rows: list[Row] = []
        self.unread: list[UnavailableReading] = []
        self.executions: Executions | None = None  # the executed statements, if the probe counts them
        self.objects: list[dict[str, Any]] = []  # the use of each table and index, if the probe counts it
        self.server_ms = 0.0  # server time of the reading, if the server reports it
        self._done = threading.Event()
        self._join_seconds = join_seconds
        self._spent: list[float] = []
        self._threads: list[threading.Thread] = []
        for name, run in threads.items():
            self._add_thread(name, run)

    @property
    def seconds(self) -> float:
        """CPU seconds of this process spent on reading, by threads that have ended."""
        return sum(self._spent)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join(self._join_seconds)

    def _add_thread(self, name: str, run: Callable[[], None]) -> None:
        self._threads.append(threading.Thread(target=self._timed, args=(run,), name=name, daemon=True))

    def _timed(self, run: Callable[[], None]) -> None:
        try:
            run()
        finally:
            self._spent.append(time.thread_time())
