"""Request work: statements, buffers and cache lookups of each request of a corpus, sent one at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.record.cache_keys import KeyUse
from harness.record.statements import Counts


@dataclass(frozen=True, slots=True)
class StatementWork:
    """The counts of one statement in one request; ``statement`` is its index in the statements of the arm."""

    statement: int
    counts: Counts


@dataclass(frozen=True, slots=True)
class CorpusRequest:
    """One request and its work.

    Attributes:
        n: its place in the corpus, from 1.
        endpoint: as in samples.
        failed: no response, or one with an error status.
        cache: the response header ``X-Cache``: hit, miss or bypass.
        items: the length of the longest list in the response; ``None`` where it is no JSON.
        queries: reported in ``Server-Timing``; ``None`` where it is not.
        db_ms: the database time in ``Server-Timing``.
        hits: Redis keyspace hits; ``misses`` keyspace misses.
    """

    n: int
    endpoint: str
    failed: bool = False
    cache: str | None = None
    items: int | None = None
    queries: int | None = None
    db_ms: float | None = None
    hits: int = 0
    misses: int = 0
    work: tuple[StatementWork, ...] = ()

    @property
    def hit(self) -> bool:
        return self.cache == "hit"

    @property
    def counts(self) -> Counts:
        """The sum over all its statements."""
        return sum((work.counts for work in self.work), Counts())


@dataclass(frozen=True, slots=True)
class StatementText:
    """A statement of an arm: fingerprint, text and service."""

    fingerprint: str
    text: str
    service: str | None = None


@dataclass(frozen=True, slots=True)
class RequestWork:
    """The work of all requests of one arm.

    Attributes:
        arm: its name, or ``MIGRATED`` for ``Plan.between``.
        missing: why statements are unknown; empty otherwise.
        keys: cache lookups by key pattern; empty where they could not be observed.
    """

    arm: str
    statements: tuple[StatementText, ...] = ()
    requests: tuple[CorpusRequest, ...] = ()
    missing: str = ""
    keys: tuple[KeyUse, ...] = ()
    schema: int = 1

    def __post_init__(self) -> None:
        """Check the indexes of statements.

        Raises:
            ValueError: naming the request with an unknown statement.
        """
        for asked in self.requests:
            if any(not 0 <= work.statement < len(self.statements) for work in asked.work):
                raise ValueError(f"request {asked.n} ran a statement that is not among the statements")

    def of(self, endpoint: str) -> Sequence[CorpusRequest]:
        """The successful requests to an endpoint."""
        return [asked for asked in self.requests if asked.endpoint == endpoint and not asked.failed]

    @property
    def endpoints(self) -> list[str]:
        return sorted({asked.endpoint for asked in self.requests})
