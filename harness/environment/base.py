"""The base class of environments, and the module of each ``environment.kind``.

A new kind is a module with a subclass of ``Environment``, and a row in ``KINDS``.
"""

import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path

from harness.environment.leftovers import remove_leftover_containers, remove_leftovers
from harness.environment.processes import ManagedProcess, ManagedProcesses
from harness.environment.seeds import new_scratch_folder
from harness.errors import EnvironmentFailedError
from harness.plan.faults import Fault
from harness.plan.model import Plan
from harness.probes.access import Cache, Database
from harness.record.leg import Leg
from harness.record.trial import Incident, Migration, Startup

KINDS: Mapping[str, tuple[str, str]] = {
    "local": ("local", "LocalEnvironment"),
    "compose": ("compose.environment", "ComposeEnvironment"),
    "external": ("external", "ExternalEnvironment"),
}
"""Module and class by kind, imported when needed: the Docker SDK takes a second."""


class Environment(AbstractContextManager["Environment"], ABC):
    """The system under test of one run; a context manager that removes everything on exit."""

    processes: ManagedProcesses
    scratch: Path
    seed_fingerprint: str | None = None

    def __init__(self, plan: Plan, base: Path, logs: Path, say: Callable[[str], None]) -> None:
        self.plan, self.base, self.logs, self.say = plan, base, logs, say
        self.row_counts: dict[str, int] = {}
        """Rows by table after seeding."""

    def guard(self, *folders: Path, cores: Sequence[int] = ()) -> None:
        """Make a scratch folder, and start the watchdog that removes it and ``folders`` if the harness is killed."""
        self.scratch = new_scratch_folder()
        self.processes = ManagedProcesses(self.scratch, *folders, cores=cores)
        self.processes.guard()

    def __exit__(self, _kind: object, _error: BaseException | None, _trace: object) -> None:
        """End every process of the run, and remove its folders."""
        self.processes.close()
        for folder in self.processes.folders:
            shutil.rmtree(folder, ignore_errors=True)

    @property
    def label(self) -> str:
        """The label of every process and container of the run."""
        return self.processes.label

    @abstractmethod
    def prepare(self) -> list[Migration]:
        """Start the servers, seed, and migrate the databases of each arm; returns the migrations by arm."""

    @abstractmethod
    def start(self, leg: Leg) -> Startup:
        """Reset the data of the leg's arm, start its services and wait until they are ready; returns their URLs."""

    def check(self) -> None:
        """Raise ``EnvironmentFailedError`` if something that should be running is not."""
        self.processes.check()

    def monitored(self) -> Sequence[object]:
        """What probes read during the leg: values of the types in ``harness.probes.registry``."""
        return [*self.databases(), *self.caches()]

    def databases(self) -> Sequence[Database]:
        """The databases of the leg; empty if unknown."""
        return []

    def caches(self) -> Sequence[Cache]:
        """The Redis servers of the leg; empty if unknown."""
        return []

    def start_migration(self, database: Database, command: str, revision: str, name: str) -> ManagedProcess:  # noqa: ARG002 - the interface
        """Start the migration of a database of the leg to a revision; the caller waits for the process."""
        raise EnvironmentFailedError(f'{name}: {database.name} can migrate under load only with kind = "local"')

    def statement_log(self) -> Path:
        """The log of the database server, with the statements of ``start_migration``."""
        return self.logs / "postgres.log"

    def inject(self, fault: Fault) -> Callable[[], None]:
        """Inject a fault of the plan; returns the function that ends it."""
        raise EnvironmentFailedError(f"faults: {fault.service} was not started by this run")

    def stop(self) -> list[Incident]:
        """Stop the services of the leg; returns crashes and restarts under load that no fault caused."""
        return []

    @abstractmethod
    def versions(self) -> dict[str, str]:
        """Versions of the servers by name."""

    @abstractmethod
    def settings(self) -> dict[str, str]:
        """Settings of the servers by name."""


def create(plan: Plan, base: Path, logs: Path, say: Callable[[str], None]) -> Environment:
    """The environment of a plan, not yet entered; first removes leftovers of killed runs.

    Paths of the plan are relative to ``base``; ``logs`` is the folder for logs of services and servers; ``say`` shows
    a line of progress.
    """
    kind = plan.environment.kind
    for removed in (*remove_leftovers(), *(remove_leftover_containers() if kind == "compose" else ())):
        say(removed)
    module, name = KINDS[kind]
    environment: Environment = getattr(import_module(f"harness.environment.{module}"), name)(plan, base, logs, say)
    return environment
