"""Parts: how the samples of a worker travel to the run folder: whole Parquet files, each acknowledged.

The worker's recorder writes parts into a scratch folder; the outbox reads them back in a thread and keeps a file until
the master has said that it has it. What is on its way is limited, so neither side's memory grows with the run: a part
that waits, waits on the worker's disk. The master writes the bytes as they are.
"""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pyarrow.parquet as pq

ON_THE_WAY = 4
AGAIN_SECONDS = 10.0


class Outbox:
    """The parts of one worker that the master has not acknowledged; ``clock`` gives seconds."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.folder, self.clock = folder, clock
        self._sent: dict[int, float] = {}

    def take(self) -> dict[int, bytes]:
        """Up to ``ON_THE_WAY`` parts by number that are due to be sent: new, or unacknowledged for too long."""
        now = self.clock()
        fresh = [number for number in self._numbers() if number not in self._sent]
        again = [number for number, at in self._sent.items() if now - at > AGAIN_SECONDS]
        chosen = again + fresh[: max(ON_THE_WAY - len(self._sent), 0)]
        self._sent |= dict.fromkeys(chosen, now)
        return {number: self._path(number).read_bytes() for number in chosen}

    def acknowledge(self, numbers: Iterable[int]) -> None:
        """Forget parts that the master has."""
        for number in numbers:
            if self._sent.pop(number, None) is not None:
                self._path(number).unlink()

    @property
    def empty(self) -> bool:
        """Whether the master has everything."""
        return not self._numbers()

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:05d}.parquet"

    def _numbers(self) -> list[int]:
        return sorted(int(path.stem) for path in self.folder.glob("*.parquet"))


class Inbox:
    """What has arrived from the worker with this number; its parts are ``<number>-<part>.parquet``."""

    def __init__(self, folder: Path, number: int) -> None:
        self.folder, self.number = folder, number
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, number: int, content: bytes) -> Path:
        """Write a part whole and rename it into place; one that comes twice is written twice, the same."""
        final = self.folder / f"{self.number:03d}-{number:05d}.parquet"
        partial = final.with_suffix(".partial")
        partial.write_bytes(content)
        return partial.rename(final)

    def rows(self) -> int:
        """Rows on disk, by the footers of the parts."""
        return sum(pq.read_metadata(path).num_rows for path in self.folder.glob(f"{self.number:03d}-*.parquet"))
