"""Migration: an upgrade or downgrade under load, as recorded. Times are seconds since 1970."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import AliasChoices, Field

UPGRADE, DOWNGRADE = "upgrade", "downgrade"
PLANNED = "harness planned transaction"
"""``application_name`` of the planned long transaction."""
EXCLUSIVE = (
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
)
"""PostgreSQL's table lock modes, weakest first."""
_STEP, _STEPS = (Field(validation_alias=AliasChoices(*names)) for names in (("step", "passage"), ("steps", "passages")))
"""Keys of earlier releases are read, too."""


@dataclass(frozen=True, slots=True)
class MigrationStatement:
    """A statement of the migration."""

    begun: float
    ms: float | None  # duration reported by the server; ``None`` where it did not finish
    text: str
    error: str = ""  # the server's error message, if any
    lock: str = ""  # the strongest table lock that its session was observed to hold; empty where none was observed
    tables: tuple[str, ...] = ()  # the locked tables

    @property
    def ended(self) -> float:
        """Its end; its begin where the duration is unknown."""
        return self.begun + (self.ms or 0.0) / 1000


@dataclass(frozen=True, slots=True)
class LockWait:
    """A session that waited for a lock.

    ``ended`` is from the log; without one, the middle between the last observation of the wait and the next one.
    """

    pid: int
    begun: float  # exact, from the server
    ended: float
    mode: str  # the requested lock mode
    table: str  # empty where the lock is not on a table
    text: str  # the statement that waited
    own: bool  # whether it belongs to the migration
    head: str = ""  # the statement of the migration that blocked it; empty where something else did
    behind: str = ""  # what that statement, or the waiting one, waited for itself; empty for nothing
    margin: float = 0.0  # the error of ``ended``, in seconds

    @property
    def ms(self) -> float:
        return max(self.ended - self.begun, 0.0) * 1000

    @property
    def by_migration(self) -> bool:
        """Whether it is a session of the service, blocked by the migration."""
        return bool(self.head) and not self.own


@dataclass(frozen=True, slots=True)
class LockQueue:
    """The most sessions of the service that waited behind one statement of the migration."""

    depth: int = 0
    at: float = 0.0
    head: str = ""


@dataclass(frozen=True, slots=True)
class DiskUse:
    """Bytes that the migration wrote and needed."""

    wal: int = 0  # WAL bytes from its begin to its end, the load included
    wal_of_load: int = 0  # the part that the load alone would have written
    before: int = 0  # bytes on disk: database, temporary files and WAL
    peak: int = 0  # the observed maximum of the same


@dataclass(frozen=True, slots=True)
class MigrationStep:
    """An upgrade or downgrade of one database."""

    way: str  # ``upgrade`` or ``downgrade``
    service: str | None
    revision: str
    begun: float
    ended: float
    failed: str = ""  # why it did not finish; empty where it did
    held: float = 0.0  # seconds that the planned transaction stayed open after the migration connected; 0 without one
    statements: tuple[MigrationStatement, ...] = ()
    waits: tuple[LockWait, ...] = ()
    queue: LockQueue = LockQueue()
    space: DiskUse = DiskUse()
    rewritten: tuple[str, ...] = ()  # tables with a new file node
    invalid: tuple[str, ...] = ()  # indexes that are INVALID after it
    errors: tuple[tuple[str, int], ...] = ()  # the database's errors in other sessions, with counts
    looks: int = 0  # how often lock waits were read
    look_ms: float = 0.0  # average server time of one such read
    unread: str = ""  # readings that were unavailable, and their remedy; empty otherwise

    @property
    def seconds(self) -> float:
        return self.ended - self.begun


@dataclass(frozen=True, slots=True)
class SchemaDifference:
    """A difference between two schemas; ``None`` where the object does not exist."""

    what: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class LintFinding:
    """A linter's message; ``step`` and ``statement`` are indexes into the record."""

    step: Annotated[int, _STEP]
    statement: int
    rule: str
    message: str
    help: str = ""


@dataclass(frozen=True, slots=True)
class MigrationRecord:
    """The record of a migration under load, without its samples."""

    stage: str  # the stage that gave the load
    origin: float | None = None  # the time origin of the samples
    steps: Annotated[tuple[MigrationStep, ...], _STEPS] = ()  # upgrades and downgrades in order
    differences: tuple[SchemaDifference, ...] | None = None  # after the rollback; ``None`` where not compared
    answers: bool = False  # whether responses were recorded after the rollback
    lints: tuple[LintFinding, ...] = ()  # the linter's findings in the upgrade
    linted: str = ""  # the linter, or why it did not run
    failed: str = ""  # why it did not finish; empty where it did
    schema: int = 1
