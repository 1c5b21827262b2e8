"""Probe: threads that read one kind of thing while a leg is loaded."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from harness.record.executions import Executions
    from harness.record.readings import UnavailableReading

Row = tuple[int, str, str, float]
"""``(wall-clock ns, source, name, value)``."""


def following(due: float, every: float) -> float:
    """When the next reading is due, on the monotonic clock; missed ones are skipped.

    So a reading that takes longer than the interval is not followed by another one at once, for ever.
    """
    now = time.monotonic()
    return due + every if due + every > now else now + every


def beats(over: threading.Event, every: float, *, after: float = 0.0) -> Iterator[None]:
    """Yield every so many seconds until ``over`` is set, the first time ``after`` so many."""
    due = time.monotonic() + after
    while not over.wait(max(due - time.monotonic(), 0.0)):
        yield
        due = following(due, every)


class Probe:
    """Reads from the start of its block to the end, each of its threads one server or service.

    A kind of probe is a subclass in a module of its own and a row in ``harness.probes.registry``. A thread ends soon
    once ``_done`` is set; one that does not within ``patience`` seconds is left alone.

    Attributes:
        record: the readings of the leg that ``rows`` belong to: processes, metrics or servers.
        rows: ``(wall-clock ns, source, name, value)``.
        unread: what could not be read, why, and what to do about it.
        executions: the statements executed, where the probe counts them.
        objects: the use of each table and index, where the probe counts it.
        server_ms: milliseconds of the server that reading took, where the server counts them.
    """

    record: ClassVar[str] = "servers"

    def __init__(self, threads: Mapping[str, Callable[[], None]], patience: float | None = None) -> None:
        self.rows: list[Row] = []
        self.unread: list[UnavailableReading] = []
        self.executions: Executions | None = None
        self.objects: list[dict[str, Any]] = []
        self.server_ms = 0.0
        self._done = threading.Event()
        self._patience = patience
        self._spent: list[float] = []
        self._threads: list[threading.Thread] = []
        for name, run in threads.items():
            self._add_thread(name, run)

    @property
    def seconds(self) -> float:
        """The CPU seconds of this process that reading took; of threads that have ended."""
        return sum(self._spent)

    def __enter__(self) -> Self:
        """Begin to read."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop reading."""
        self._done.set()
        for thread in self._threads:
            thread.join(self._patience)

    def _add_thread(self, name: str, run: Callable[[], None]) -> None:
        self._threads.append(threading.Thread(target=self._timed, args=(run,), name=name, daemon=True))

    def _timed(self, run: Callable[[], None]) -> None:
        try:
            run()
        finally:
            self._spent.append(time.thread_time())
