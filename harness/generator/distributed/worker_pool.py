"""Crew: the workers of a leg as the master knows them, and what they have delivered so far."""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from harness.generator.distributed.sample_transfer import Inbox

MAX_CHARACTERS = 300


@dataclass(slots=True)
class PoolWorker:
    """One worker: who it is, and what it last reported."""

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
        """Its number, from 1 on; 0 before it has one."""
        return self.index + 1

    @property
    def name(self) -> str:
        """How people are told of it."""
        return f"worker {self.number} ({self.host}, pid {self.pid})"

    def lose(self, how: str, second: float) -> None:
        """Give it up, ``second`` seconds into the leg."""
        printable = "".join(letter if letter.isprintable() else " " for letter in how)
        self.lost, self.lost_second = printable[:MAX_CHARACTERS] or "for no reason given", max(second, 0.0)


class WorkerPool:
    """Everybody who said hello; the first ``wanted`` make the load."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.workers: dict[str, PoolWorker] = {}

    def add(self, client: str, data: dict[str, Any]) -> bool:
        """Take in who says hello; returns whether there is work for it."""
        if len(self.workers) >= self.wanted:
            return False
        host = re.sub(r"[^A-Za-z0-9._-]", "?", str(data["host"]))[:60]
        self.workers[client] = PoolWorker(client, host, int(data["pid"]), int(data["slot"]), str(data["version"]))
        return True

    @property
    def complete(self) -> bool:
        """Whether all are there."""
        return len(self.workers) == self.wanted

    @property
    def in_order(self) -> list[PoolWorker]:
        """By number."""
        return sorted(self.workers.values(), key=lambda worker: worker.index)

    @property
    def present(self) -> list[PoolWorker]:
        """Those who are not lost."""
        return [worker for worker in self.in_order if not worker.lost]

    def dismiss_lost(self) -> None:
        """Forget who was lost before the load, so that others can come."""
        self.workers = {client: worker for client, worker in self.workers.items() if not worker.lost}

    def number(self) -> None:
        """Give each its number: by machine and place on it, so that it is the same in every leg."""
        workers = sorted(self.workers.values(), key=lambda worker: (worker.host, worker.slot, worker.pid))
        for index, worker in enumerate(workers):
            worker.index = index
