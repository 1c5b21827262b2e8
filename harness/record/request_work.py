"""Inspected: what the servers did for each request of a corpus, asked one after the other while nobody else asked."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.record.cache_keys import KeyUse
from harness.record.statements import Counts


@dataclass(frozen=True, slots=True)
class StatementWork:
    """What one statement did for one request; ``statement`` is its place among the statements of the arm."""

    statement: int
    counts: Counts


@dataclass(frozen=True, slots=True)
class CorpusRequest:
    """One request, and what it made the servers do.

    Attributes:
        n: its place among the requests, from 1 on.
        endpoint: as samples name it.
        failed: whether it brought no answer, or one that says so.
        cache: what the answer says of the cache: hit, miss, bypass or nothing.
        items: the length of the longest list in the answer; ``None`` where it is no JSON.
        queries: as the answer counts them; ``None`` where it does not.
        db_ms: the time that the answer says the service waited for its database.
        hits: keys that Redis had; ``misses`` those that it had not.
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
        """Whether the answer came out of a cache."""
        return self.cache == "hit"

    @property
    def counts(self) -> Counts:
        """What all its statements did together."""
        return sum((work.counts for work in self.work), Counts())


@dataclass(frozen=True, slots=True)
class StatementText:
    """A statement that an arm ran: its fingerprint, its text as the server tells it, and the service that ran it."""

    fingerprint: str
    text: str
    service: str | None = None


@dataclass(frozen=True, slots=True)
class RequestWork:
    """All that was seen of one arm.

    Attributes:
        arm: which; also ``MIGRATED``, as of ``Plan.between``.
        missing: why the statements are not known; empty where they are.
        keys: what its caches were asked for, by pattern; empty where nobody could watch.
    """

    arm: str
    statements: tuple[StatementText, ...] = ()
    requests: tuple[CorpusRequest, ...] = ()
    missing: str = ""
    keys: tuple[KeyUse, ...] = ()
    schema: int = 1

    def __post_init__(self) -> None:
        """Refuse work of statements that there are not.

        Raises:
            ValueError: naming the request.
        """
        for asked in self.requests:
            if any(not 0 <= work.statement < len(self.statements) for work in asked.work):
                raise ValueError(f"request {asked.n} ran a statement that is not among the statements")

    def of(self, endpoint: str) -> Sequence[CorpusRequest]:
        """The requests to an endpoint that did not fail."""
        return [asked for asked in self.requests if asked.endpoint == endpoint and not asked.failed]

    @property
    def endpoints(self) -> list[str]:
        """Those that were asked, in the order of the alphabet."""
        return sorted({asked.endpoint for asked in self.requests})
