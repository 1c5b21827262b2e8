"""Ablation: what requests did without one index of the migration, beside what they do with all of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.record.query_plans import ExplainedStatement

NOISE_SHARE = 0.01
"""A smaller change of pages or of bytes written ahead, as a part of what there was, is no more than chance."""


@dataclass(frozen=True, slots=True)
class EndpointAblation:
    """The requests of one endpoint with all indexes of after and without one: pages of 8 kB and bytes of WAL each.

    Of statements that name the table of the index. ``more_pages`` says whether most requests that came to the table
    looked at more pages without it, ``fewer_pages`` whether most looked at fewer, and ``less_wal`` whether most wrote
    less: one alone may have met with anything.
    """

    endpoint: str
    requests: int
    pages_with: float
    pages_without: float
    wal_with: float
    wal_without: float
    more_pages: bool = True
    less_wal: bool = True
    fewer_pages: bool = False

    @property
    def pages_saved(self) -> float:
        """Pages that a request need not read as the index is there; 0 where the difference may be chance."""
        return _beyond_chance(self.pages_with, self.pages_without) if self.more_pages else 0.0

    @property
    def pages_added(self) -> float:
        """Pages that a request looks at more as the index is there: it is kept up, or the server chose it in error."""
        return _beyond_chance(self.pages_without, self.pages_with) if self.fewer_pages else 0.0

    @property
    def wal_added(self) -> float:
        """Bytes that a request writes ahead more as the index is there; 0 where the difference may be chance."""
        return _beyond_chance(self.wal_without, self.wal_with) if self.less_wal else 0.0


@dataclass(frozen=True, slots=True)
class DegradedStatement:
    """A statement that does more without the index: pages of a call, and its plans, where they are known."""

    fingerprint: str
    text: str
    pages_with: float
    pages_without: float
    plan_with: ExplainedStatement | None = None
    plan_without: ExplainedStatement | None = None


@dataclass(frozen=True, slots=True)
class IndexAblation:
    """What was measured without an index; ``worse`` is the statement that needs it most."""

    index: str
    endpoints: tuple[EndpointAblation, ...]
    worse: DegradedStatement | None = None
    service: str | None = None

    @property
    def saved(self) -> Sequence[EndpointAblation]:
        """The endpoints whose requests read fewer pages as the index is there, the one that gains most first."""
        found = [one for one in self.endpoints if one.pages_saved > 0]
        return sorted(found, key=lambda one: (-one.pages_saved * one.requests, one.endpoint))

    @property
    def costing(self) -> Sequence[EndpointAblation]:
        """The endpoints whose requests look at more pages as the index is there, the one that pays most first."""
        found = [one for one in self.endpoints if one.pages_added > 0]
        return sorted(found, key=lambda one: (-one.pages_added * one.requests, one.endpoint))

    @property
    def written(self) -> Sequence[EndpointAblation]:
        """The endpoints whose requests write more as the index is there, the one that pays most first."""
        found = [one for one in self.endpoints if one.wal_added > 0]
        return sorted(found, key=lambda one: (-one.wal_added * one.requests, one.endpoint))


def _beyond_chance(less: float, more: float) -> float:
    return more - less if abs(more - less) > NOISE_SHARE * max(less, more) else 0.0


@dataclass(frozen=True, slots=True)
class Ablation:
    """What was measured without each of some indexes; ``not_left_out`` those that have to stay, and why."""

    indexes: tuple[IndexAblation, ...] = ()
    not_left_out: tuple[tuple[str, str], ...] = ()
    requests: int = 0
    schema: int = 1
