"""Turnout: what became of the arrivals of a stage, or of one try of a search."""

from collections import Counter

from harness.generator.recording.latency_histogram import quantile


class ArrivalCounts:
    """What became of the arrivals of a stage, or of one try, in which ``limit`` users may be at work."""

    __slots__ = ("lags", "late", "limit", "max_busy", "planned", "stage", "started")

    def __init__(self, stage: str, limit: int, lags: Counter[int]) -> None:
        self.stage, self.limit, self.lags = stage, limit, lags
        self.planned = self.started = self.late = self.max_busy = 0

    @property
    def lag_p99_ms(self) -> float | None:
        """How late arrivals began for which a user was free, 99th percentile, to 2 %; ``None`` when there was none."""
        return quantile(self.lags, 0.99)
