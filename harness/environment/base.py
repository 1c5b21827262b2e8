"""Base: what a run needs of the system under test, and which class provides it for each ``environment.kind`` of a plan.

A kind is a module whose class has the methods of ``Environment``, and a row of ``KINDS``.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from harness.environment.external import ExternalEnvironment
from harness.environment.leftovers import remove_leftover_containers, remove_leftovers
from harness.environment.local import LocalEnvironment
from harness.environment.processes import ManagedProcess
from harness.plan.faults import Fault
from harness.plan.model import Plan
from harness.probes.access import Cache, Database
from harness.record.leg import Leg
from harness.record.trial import Incident, Migration, Startup


class Environment(AbstractContextManager["Environment"], Protocol):
    """The system under test of one run: entered before everything, left after it, whatever happens."""

    seed_fingerprint: str | None
    row_counts: dict[str, int]
    """Rows by table after seeding."""

    @property
    def label(self) -> str:
        """The label that every process and container of the run carries."""

    def prepare(self) -> list[Migration]:
        """Start the servers, seed, and migrate the databases of each arm; returns the migrations by arm."""

    def start(self, leg: Leg) -> Startup:
        """Reset the data of the leg's arm, start its services and wait until they are ready; returns their URLs."""

    def check(self) -> None:
        """Raise ``EnvironmentFailedError`` when something that should be running is not."""

    def monitored(self) -> Sequence[object]:
        """What probes read during the leg: values of the types in ``harness.probes.registry``."""

    def databases(self) -> Sequence[Database]:
        """The databases of the leg; empty if unknown."""

    def caches(self) -> Sequence[Cache]:
        """The Redis servers of the leg; empty if unknown."""

    def start_migration(self, database: Database, command: str, revision: str, name: str) -> ManagedProcess:
        """Start the migration of a database of the leg to a revision; the caller waits for the process."""

    def statement_log(self) -> Path:
        """The log of the database server, with the statements of ``start_migration``."""

    def inject(self, fault: Fault) -> Callable[[], None]:
        """Inject a fault of the plan; returns the function that ends it."""

    def stop(self) -> list[Incident]:
        """Stop the services of the leg; returns crashes and restarts under load that no fault caused."""

    def versions(self) -> dict[str, str]:
        """Versions of the servers by name."""

    def settings(self) -> dict[str, str]:
        """Settings of the servers by name."""


Factory = Callable[[Plan, Path, Path, Callable[[str], None]], Environment]


def create(plan: Plan, base: Path, logs: Path, say: Callable[[str], None]) -> Environment:
    """The environment of a plan, not yet entered; removes what killed runs left behind, first.

    Args:
        plan: its ``environment.kind`` decides.
        base: the folder that paths of the plan are relative to.
        logs: the folder for logs of services and servers.
        say: reports progress in a line.
    """
    for removed in remove_leftovers():
        say(removed)
    return KINDS[plan.environment.kind](plan, base, logs, say)


def _compose(plan: Plan, base: Path, logs: Path, say: Callable[[str], None]) -> Environment:
    from harness.environment.compose.environment import ComposeEnvironment  # noqa: PLC0415 - the Docker SDK takes a second

    for removed in remove_leftover_containers():
        say(removed)
    return ComposeEnvironment(plan, base, logs, say)


KINDS: Mapping[str, Factory] = {"local": LocalEnvironment, "compose": _compose, "external": ExternalEnvironment}
