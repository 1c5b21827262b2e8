"""Counts of the arrivals of a stage, or of one try of a capacity search."""

from collections import Counter

from harness.generator.recording.latency_histogram import quantile


class ArrivalCounts:
    """Arrivals planned, started and late, and the highest number of busy users; ``limit`` users may be busy."""

    def __init__(self, stage: str, limit: int, lags: Counter[int]) -> None:
        self.stage, self.limit, self.lags = stage, limit, lags
        self.planned = self.started = self.late = self.max_busy = 0

    @property
    def lag_p99_ms(self) -> float | None:
        """Scheduling delay of arrivals for which a user was free, 99th percentile, to 2 %; ``None`` without any."""
        return quantile(self.lags, 0.99)
