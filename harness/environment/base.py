"""Environment: what a run needs of the system under test, whatever it is made of."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from harness.environment.processes import Process
from harness.leg import Leg
from harness.parts.fault import Fault
from harness.probes.access import Cache, Database
from harness.probes.reader import Row
from harness.trial import Incident, Migration, Startup


class Probe(AbstractContextManager["Probe"], Protocol):
    """Reads values beside the load."""

    rows: list[Row]

    @property
    def seconds(self) -> float:
        """The CPU that reading cost this process."""


class Environment(AbstractContextManager["Environment"], Protocol):
    """What an experiment asks of the system under test."""

    seed_fingerprint: str | None
    row_counts: dict[str, int]

    @property
    def label(self) -> str:
        """What every process of the run carries in its environment."""

    def prepare(self) -> list[Migration]:
        """Start the servers, seed, and bring each arm to its revision."""

    def start(self, leg: Leg) -> Startup:
        """Reset and start an arm; returns where its services are once all are ready."""

    def check(self) -> None:
        """Raise when something that should be running is not."""

    def probe(self) -> Probe:
        """What reads the servers and services of the leg beside the load."""

    def databases(self) -> Sequence[Database]:
        """The databases of the leg that was started; empty where none is known."""

    def caches(self) -> Sequence[Cache]:
        """Its Redis servers; empty where none is known."""

    def migrating(self, database: Database, command: str, revision: str, name: str) -> Process:
        """Start to bring a database of the leg to a revision; who waits for its end may end it."""

    def statement_log(self) -> Path:
        """The log of the database server, which has the statements of migrations that were started so."""

    def strike(self, fault: Fault) -> Callable[[], None]:
        """Begin a fault of the plan; returns what ends it."""

    def stop(self) -> list[Incident]:
        """End the arm's services; returns what happened to them by itself meanwhile."""

    def versions(self) -> dict[str, str]:
        """Versions of the servers."""

    def settings(self) -> dict[str, str]:
        """Settings of the servers."""
