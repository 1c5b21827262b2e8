"""Transfer of a worker's samples to the run folder: whole Parquet files, each acknowledged.

The worker's recorder writes parts into a scratch folder; the outbox reads them in a thread and keeps each file until
the master has acknowledged it. Few parts are in flight, so the memory of neither side grows with the run; waiting parts
are on the worker's disk. The master writes the bytes as they are.
"""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pyarrow.parquet as pq

IN_FLIGHT = 4
RESEND_SECONDS = 10.0


class Outbox:
    """The parts of one worker that the master has not acknowledged; ``clock`` returns seconds."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.folder, self.clock = folder, clock
        self._sent: dict[int, float] = {}

    def take(self) -> dict[int, bytes]:
        """Up to ``IN_FLIGHT`` parts to send, by number: new ones, and those unacknowledged for too long."""
        now = self.clock()
        fresh = [number for number in self._numbers() if number not in self._sent]
        again = [number for number, at in self._sent.items() if now - at > RESEND_SECONDS]
        chosen = again + fresh[: max(IN_FLIGHT - len(self._sent), 0)]
        self._sent |= dict.fromkeys(chosen, now)
        return {number: self._path(number).read_bytes() for number in chosen}

    def acknowledge(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            if self._sent.pop(number, None) is not None:
                self._path(number).unlink()

    @property
    def empty(self) -> bool:
        return not self._numbers()

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:05d}.parquet"

    def _numbers(self) -> list[int]:
        return sorted(int(path.stem) for path in self.folder.glob("*.parquet"))


class Inbox:
    """The parts that arrived from the worker with this number, as ``<number>-<part>.parquet``."""

    def __init__(self, folder: Path, number: int) -> None:
        self.folder, self.number = folder, number
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, number: int, content: bytes) -> Path:
        """Write a part under another name, then rename it; a part that arrives twice is overwritten."""
        final = self.folder / f"{self.number:03d}-{number:05d}.parquet"
        partial = final.with_suffix(".partial")
        partial.write_bytes(content)
        return partial.rename(final)

    def rows(self) -> int:
        """Rows on disk, by the footers of the parts."""
        return sum(pq.read_metadata(path).num_rows for path in self.folder.glob(f"{self.number:03d}-*.parquet"))
