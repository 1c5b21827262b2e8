"""Latency steps: counts on a logarithmic scale, which add up over workers as percentiles do not.

For the live line and for how late arrivals began; latencies that are reported come from the samples.
"""

import math
from collections import Counter
from collections.abc import Iterable

BUCKETS_PER_OCTAVE = 35
"""A resolution of 2 %."""
MIN_MS = 1e-3


def bucket(latency_ms: float) -> int:
    """The step that a latency is on."""
    return round(math.log2(max(latency_ms, MIN_MS)) * BUCKETS_PER_OCTAVE)


def bucket_counts(latencies_ms: Iterable[float]) -> "Counter[int]":
    """How many latencies are on each step."""
    return Counter(map(bucket, latencies_ms))


def quantile(counts: "Counter[int]", share: float) -> float | None:
    """The nearest-rank quantile of what was counted, in ms; ``None`` when nothing was."""
    rank = math.ceil(share * counts.total())
    for place in sorted(counts):
        rank -= counts[place]
        if rank <= 0:
            return float(2 ** (place / BUCKETS_PER_OCTAVE))
    return None
