"""Latency histogram: counts in logarithmic buckets, which add up over workers as percentiles do not.

For progress lines, aborts and scheduling delays; reported latencies come from the samples.
"""

import math
from collections import Counter
from collections.abc import Iterable

BUCKETS_PER_OCTAVE = 35
"""Resolution: 2 %."""


def bucket(latency_ms: float) -> int:
    """The bucket of a latency."""
    return round(math.log2(max(latency_ms, 0.001)) * BUCKETS_PER_OCTAVE)


def bucket_counts(latencies_ms: Iterable[float]) -> "Counter[int]":
    """The number of latencies by bucket."""
    return Counter(map(bucket, latencies_ms))


def quantile(counts: "Counter[int]", share: float) -> float | None:
    """The nearest-rank quantile of the counted latencies, in ms; ``None`` without any."""
    rank = math.ceil(share * counts.total())
    for place in sorted(counts):
        rank -= counts[place]
        if rank <= 0:
            return float(2 ** (place / BUCKETS_PER_OCTAVE))
    return None
