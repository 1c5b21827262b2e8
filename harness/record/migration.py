"""Migration: an upgrade or downgrade under load, as recorded. Times are seconds since 1970."""

from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class MigrationStatement:
    """A statement of the migration.

    Attributes:
        ms: duration reported by the server; ``None`` where it did not finish.
        error: the server's error message, if any.
        lock: the strongest table lock that its session was observed to hold; empty where none was observed.
        tables: the locked tables.
    """

    begun: float
    ms: float | None
    text: str
    error: str = ""
    lock: str = ""
    tables: tuple[str, ...] = ()

    @property
    def ended(self) -> float:
        """Its end; its begin where the duration is unknown."""
        return self.begun + (self.ms or 0.0) / 1000


@dataclass(frozen=True, slots=True)
class LockWait:
    """A session that waited for a lock.

    Attributes:
        begun: exact, from the server.
        ended: when the migration released the lock according to the log; else the middle between the last observation
            of the wait and the next one.
        margin: the error of ``ended``, in seconds.
        mode: the requested lock mode.
        table: empty where the lock is not on a table.
        text: the statement that waited.
        own: whether it belongs to the migration.
        head: the statement of the migration that blocked it; empty where something else did.
        behind: what that statement, or the waiting one, waited for itself; empty for nothing.
    """

    pid: int
    begun: float
    ended: float
    mode: str
    table: str
    text: str
    own: bool
    head: str = ""
    behind: str = ""
    margin: float = 0.0

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
    """What the migration wrote.

    Attributes:
        wal: WAL bytes from its begin to its end, the load included.
        wal_of_load: the part that the load alone would have written.
        before: bytes on disk: database, temporary files and WAL.
        peak: the observed maximum of the same.
    """

    wal: int = 0
    wal_of_load: int = 0
    before: int = 0
    peak: int = 0


@dataclass(frozen=True, slots=True)
class MigrationStep:
    """An upgrade or downgrade of one database.

    Attributes:
        way: ``upgrade`` or ``downgrade``.
        failed: why it did not finish; empty where it did.
        held: seconds that the planned transaction stayed open after the migration connected; 0 without one.
        rewritten: tables with a new file node.
        invalid: indexes that are INVALID after it.
        errors: the database's errors in other sessions, with counts.
        looks: how often lock waits were read.
        look_ms: average server time of one such read.
        unread: readings that were unavailable, and their remedy; empty otherwise.
    """

    way: str
    service: str | None
    revision: str
    begun: float
    ended: float
    failed: str = ""
    held: float = 0.0
    statements: tuple[MigrationStatement, ...] = ()
    waits: tuple[LockWait, ...] = ()
    queue: LockQueue = LockQueue()
    space: DiskUse = DiskUse()
    rewritten: tuple[str, ...] = ()
    invalid: tuple[str, ...] = ()
    errors: tuple[tuple[str, int], ...] = ()
    looks: int = 0
    look_ms: float = 0.0
    unread: str = ""

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
    """A linter's message; ``passage`` and ``statement`` are indexes into the record."""

    passage: int
    statement: int
    rule: str
    message: str
    help: str = ""


@dataclass(frozen=True, slots=True)
class MigrationRecord:
    """The record of a migration under load, without its samples.

    Attributes:
        stage: the stage that gave the load.
        origin: the time origin of the samples.
        passages: upgrades and downgrades in order.
        differences: of the schema after the rollback; ``None`` where it was not compared.
        answers: whether responses were recorded after the rollback.
        lints: the linter's findings in the upgrade.
        linted: the linter, or why it did not run.
        failed: why it did not finish; empty where it did.
    """

    stage: str
    origin: float | None = None
    passages: tuple[MigrationStep, ...] = ()
    differences: tuple[SchemaDifference, ...] | None = None
    answers: bool = False
    lints: tuple[LintFinding, ...] = ()
    linted: str = ""
    failed: str = ""
    schema: int = 1
