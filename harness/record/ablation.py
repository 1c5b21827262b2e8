"""Ablation: the cost of requests with all new indexes, and with one of them dropped."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.record.query_plans import ExplainedStatement

NOISE_SHARE = 0.01
"""Smaller relative differences of buffers or WAL bytes count as noise."""


@dataclass(frozen=True, slots=True)
class EndpointAblation:
    """The requests of one endpoint with all indexes of after and without one: buffers (8 kB) and WAL bytes per request.

    Only statements that name the table of the index count. ``more_pages``, ``fewer_pages`` and ``less_wal`` say
    whether most of the requests that used the table changed in that direction.
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
        """Buffers per request that the index saves; 0 where the difference may be noise."""
        return _beyond_chance(self.pages_with, self.pages_without) if self.more_pages else 0.0

    @property
    def pages_added(self) -> float:
        """Buffers per request that the index adds, by its maintenance or a worse plan; 0 where it may be noise."""
        return _beyond_chance(self.pages_without, self.pages_with) if self.fewer_pages else 0.0

    @property
    def wal_added(self) -> float:
        """WAL bytes per request that the index adds; 0 where the difference may be noise."""
        return _beyond_chance(self.wal_without, self.wal_with) if self.less_wal else 0.0


@dataclass(frozen=True, slots=True)
class DegradedStatement:
    """A statement that needs more buffers without the index: buffers per call, and its plans where known."""

    fingerprint: str
    text: str
    pages_with: float
    pages_without: float
    plan_with: ExplainedStatement | None = None
    plan_without: ExplainedStatement | None = None


@dataclass(frozen=True, slots=True)
class IndexAblation:
    """The measurement without one index; ``worse`` is the statement that needs it most."""

    index: str
    endpoints: tuple[EndpointAblation, ...]
    worse: DegradedStatement | None = None
    service: str | None = None

    @property
    def saved(self) -> Sequence[EndpointAblation]:
        """Endpoints that need fewer buffers with the index, largest saving first."""
        return self._ranked("pages_saved")

    @property
    def costing(self) -> Sequence[EndpointAblation]:
        """Endpoints that need more buffers with the index, largest cost first."""
        return self._ranked("pages_added")

    @property
    def written(self) -> Sequence[EndpointAblation]:
        """Endpoints that write more WAL with the index, largest cost first."""
        return self._ranked("wal_added")

    def _ranked(self, measure: str) -> list[EndpointAblation]:
        sizes = [(getattr(one, measure) * one.requests, one) for one in self.endpoints]
        return [one for size, one in sorted(sizes, key=lambda each: (-each[0], each[1].endpoint)) if size > 0]


def _beyond_chance(less: float, more: float) -> float:
    return more - less if abs(more - less) > NOISE_SHARE * max(less, more) else 0.0


@dataclass(frozen=True, slots=True)
class Ablation:
    """The measurements without each new index; ``not_left_out`` has the indexes that cannot be dropped, and why."""

    indexes: tuple[IndexAblation, ...] = ()
    not_left_out: tuple[tuple[str, str], ...] = ()
    requests: int = 0
    schema: int = 1
