"""Recorded: what a report wrote of a comparison, read back."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """An interval in ``comparison.json``."""

    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class RecordedPair:
    """A row of ``comparison.json``, as far as it is read back; ``least_samples`` are those of the leg with fewest."""

    metric: str
    stage: str | None
    endpoint: str | None
    before: float | None
    after: float | None
    before_interval: Bounds | None = None
    after_interval: Bounds | None = None
    least_samples: int = 0
