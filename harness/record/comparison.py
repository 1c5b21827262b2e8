"""Comparison: rows of ``comparison.json`` read back from a report."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """An interval in ``comparison.json``."""

    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class RecordedPair:
    """A row of ``comparison.json``, where read back; ``least_samples`` is the smallest sample count of a leg."""

    metric: str
    stage: str | None
    endpoint: str | None
    before: float | None
    after: float | None
    before_interval: Bounds | None = None
    after_interval: Bounds | None = None
    least_samples: int = 0
