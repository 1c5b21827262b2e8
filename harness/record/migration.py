"""Passage: one way of a migration, up or down, as it was recorded under load. Times are seconds since 1970."""

from dataclasses import dataclass

UPGRADE, DOWNGRADE = "upgrade", "downgrade"
PLANNED = "harness planned transaction"
"""The application name of the transaction that is open on purpose."""
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
"""The table locks of PostgreSQL, from the one that bars least to the one that bars everything."""


@dataclass(frozen=True, slots=True)
class MigrationStatement:
    """A statement of the migration.

    Attributes:
        ms: how long it took, as the server says; ``None`` where it did not get to its end.
        text: in full.
        error: what the server answered instead.
        lock: the strongest lock on a table that its session was seen to hold; empty where it was too short to be seen.
        tables: on which ones.
    """

    begun: float
    ms: float | None
    text: str
    error: str = ""
    lock: str = ""
    tables: tuple[str, ...] = ()

    @property
    def ended(self) -> float:
        """When it was over; when it began where that is not known."""
        return self.begun + (self.ms or 0.0) / 1000


@dataclass(frozen=True, slots=True)
class LockWait:
    """A session that waited for a lock.

    Attributes:
        begun: exact, as the server says.
        ended: when the migration let go, as the log says; else the middle between the last look that saw it wait and
            the next one.
        margin: how far that may be off, in seconds.
        mode: of the lock that it asked for.
        table: on which; empty where it is on no table.
        text: the statement that waited.
        own: whether it is the migration's.
        head: the statement of the migration that it waited behind; empty where it waited for something else.
        behind: what that statement was itself waiting for, or what waited is waiting for; empty for nothing.
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
        """How long it waited."""
        return max(self.ended - self.begun, 0.0) * 1000

    @property
    def by_migration(self) -> bool:
        """Whether it is one of the service that waited because of the migration."""
        return bool(self.head) and not self.own


@dataclass(frozen=True, slots=True)
class LockQueue:
    """How many sessions of the service waited at once behind a statement of the migration, at most."""

    depth: int = 0
    at: float = 0.0
    head: str = ""


@dataclass(frozen=True, slots=True)
class DiskUse:
    """What the migration wrote.

    Attributes:
        wal: bytes of write-ahead log between its begin and its end, those of the load included.
        wal_of_load: as many as the load alone would have written in that time.
        before: bytes on disk: the database, temporary files and write-ahead log.
        peak: the most that was seen of it.
    """

    wal: int = 0
    wal_of_load: int = 0
    before: int = 0
    peak: int = 0


@dataclass(frozen=True, slots=True)
class MigrationStep:
    """One way of a migration in one database.

    Attributes:
        way: ``upgrade`` or ``downgrade``.
        failed: why it did not get to its end; empty where it did.
        held: seconds that the planned transaction stayed open after its session began; 0 where there was none.
        rewritten: tables whose files it wrote anew.
        invalid: indexes that are INVALID after it.
        errors: what the database answered others than the migration instead of a result, with how often.
        looks: how often the server was asked who waits.
        look_ms: how long the server took for one, on the average.
        unread: what could not be read, and how to get it; empty where everything was.
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
        """How long it took."""
        return self.ended - self.begun


@dataclass(frozen=True, slots=True)
class SchemaDifference:
    """Something of a schema that is not as it was; ``None``: it was not there, or is not any more."""

    what: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class LintFinding:
    """What a linter of migrations says of a statement: ``passage`` and ``statement`` are its places in the record."""

    passage: int
    statement: int
    rule: str
    message: str
    help: str = ""


@dataclass(frozen=True, slots=True)
class MigrationRecord:
    """All that was recorded of a migration under load, its samples aside.

    Attributes:
        stage: whose load flowed.
        origin: when the samples' time begins.
        passages: as they ran.
        differences: what of the schema is not as before when all was over; ``None`` where it was not compared.
        answers: whether the database that was migrated and rolled back was asked for its answers.
        lints: what a linter says of the statements of the way up.
        linted: whether there was one.
        failed: what kept it from being done to the end; empty where nothing did.
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
