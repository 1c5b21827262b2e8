"""Latency steps: counts on a logarithmic scale, which add up over workers as percentiles do not.

For the live line only; what is reported comes from the samples.
"""

import math
from collections import Counter
from collections.abc import Iterable

STEPS_PER_OCTAVE = 35
"""A resolution of 2 %."""
LEAST_MS = 1e-3


def steps(latencies_ms: Iterable[float]) -> "Counter[int]":
    """How many latencies are on each step."""
    return Counter(round(math.log2(max(ms, LEAST_MS)) * STEPS_PER_OCTAVE) for ms in latencies_ms)


def quantile(counts: "Counter[int]", share: float) -> float | None:
    """The nearest-rank quantile of what was counted, in ms; ``None`` when nothing was."""
    rank = math.ceil(share * counts.total())
    for step in sorted(counts):
        rank -= counts[step]
        if rank <= 0:
            return float(2 ** (step / STEPS_PER_OCTAVE))
    return None
