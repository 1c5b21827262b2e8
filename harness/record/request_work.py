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
    """One request and its work."""

    n: int  # its place in the corpus, from 1
    endpoint: str  # as in samples
    failed: bool = False  # no response, or one with an error status
    cache: str | None = None  # the response header ``X-Cache``: hit, miss or bypass
    items: int | None = None  # the length of the longest list in the response; ``None`` where it is no JSON
    queries: int | None = None  # reported in ``Server-Timing``; ``None`` where it is not
    db_ms: float | None = None  # the database time in ``Server-Timing``
    hits: int = 0  # Redis keyspace hits; ``misses`` keyspace misses
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
    """The work of all requests of one arm."""

    arm: str  # its name, or ``MIGRATED`` for ``Plan.between``
    statements: tuple[StatementText, ...] = ()
    requests: tuple[CorpusRequest, ...] = ()
    missing: str = ""  # why statements are unknown; empty otherwise
    keys: tuple[KeyUse, ...] = ()  # cache lookups by key pattern; empty where they could not be observed
    schema: int = 1

    def __post_init__(self) -> None:
        """Check the indexes of statements; raises ``ValueError`` naming the request with an unknown statement."""
        for request in self.requests:
            if any(not 0 <= work.statement < len(self.statements) for work in request.work):
                raise ValueError(f"request {request.n} ran a statement that is not among the statements")

    def of(self, endpoint: str) -> Sequence[CorpusRequest]:
        """The successful requests to an endpoint."""
        return [request for request in self.requests if request.endpoint == endpoint and not request.failed]

    @property
    def endpoints(self) -> list[str]:
        return sorted({request.endpoint for request in self.requests})
