"""Worker pool: the workers of a leg as the master knows them, and their last reports."""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from harness.generator.distributed.sample_transfer import Inbox

MAX_CHARACTERS = 300


@dataclass(slots=True)
class PoolWorker:
    """One worker, and what it last reported."""

    client: str
    host: str
    pid: int
    slot: int
    version: str
    index: int = -1
    inbox: Inbox | None = None
    clock: dict[str, int] | None = None
    requests: int = 0
    failures: int = 0
    recent: "Counter[int]" = field(default_factory=Counter)
    done: dict[str, Any] | None = None
    lost: str = ""
    lost_second: float = 0.0

    @property
    def number(self) -> int:
        """Number from 1 on; 0 before numbers are given."""
        return self.index + 1

    @property
    def name(self) -> str:
        return f"worker {self.number} ({self.host}, pid {self.pid})"

    def lose(self, how: str, second: float) -> None:
        """Mark it as lost, ``second`` seconds into the leg."""
        printable = "".join(letter if letter.isprintable() else " " for letter in how)
        self.lost, self.lost_second = printable[:MAX_CHARACTERS] or "for no reason given", max(second, 0.0)


class WorkerPool:
    """The workers that said hello; at most ``wanted``."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.workers: dict[str, PoolWorker] = {}

    def add(self, client: str, data: dict[str, Any]) -> bool:
        """Add a worker that said hello; returns False when no more are wanted."""
        if len(self.workers) >= self.wanted:
            return False
        host = re.sub(r"[^A-Za-z0-9._-]", "?", str(data["host"]))[:60]
        self.workers[client] = PoolWorker(client, host, int(data["pid"]), int(data["slot"]), str(data["version"]))
        return True

    @property
    def complete(self) -> bool:
        return len(self.workers) == self.wanted

    @property
    def in_order(self) -> list[PoolWorker]:
        return sorted(self.workers.values(), key=lambda worker: worker.index)

    @property
    def present(self) -> list[PoolWorker]:
        return [worker for worker in self.in_order if not worker.lost]

    def dismiss_lost(self) -> None:
        """Remove workers lost before the load, so that others can replace them."""
        self.workers = {client: worker for client, worker in self.workers.items() if not worker.lost}

    def number(self) -> None:
        """Number the workers by machine and slot, so that numbers are the same in every leg."""
        workers = sorted(self.workers.values(), key=lambda worker: (worker.host, worker.slot, worker.pid))
        for index, worker in enumerate(workers):
            worker.index = index
