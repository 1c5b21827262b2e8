"""Reader: threads that read beside a load, from the start of a block to its end."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Self

Row = tuple[int, str, str, float]
"""``(wall-clock ns, source, name, value)``."""


def following(due: float, every: float) -> float:
    """When to read next, on the monotonic clock, after a reading that was due then: what was missed is left out.

    A reading that takes longer than the time between two is so not followed by the next one at once, and for ever.
    """
    now = time.monotonic()
    return due + every if due + every > now else now + every


def beats(over: threading.Event, every: float, *, after: float = 0.0) -> Iterator[None]:
    """Once every so many seconds until it is over, the first time after some."""
    due = time.monotonic() + after
    while not over.wait(max(due - time.monotonic(), 0.0)):
        yield
        due = following(due, every)


class Reader:
    """What each of some threads reads goes into ``rows``; they are to end soon once ``_done`` is set.

    One that does not, within ``patience`` seconds, is left alone. ``seconds`` is the CPU that those which ended cost.
    """

    def __init__(self, threads: Mapping[str, Callable[[], None]], patience: float | None = None) -> None:
        self.rows: list[Row] = []
        self._done = threading.Event()
        self._patience = patience
        self._spent: list[float] = []
        self._threads = [
            threading.Thread(target=self._timed, args=(run,), name=name, daemon=True) for name, run in threads.items()
        ]

    @property
    def seconds(self) -> float:
        """The CPU that reading cost this process, known once it is over."""
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

    def _timed(self, run: Callable[[], None]) -> None:
        try:
            run()
        finally:
            self._spent.append(time.thread_time())
