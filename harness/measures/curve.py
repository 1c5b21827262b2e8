"""Curve: latency at each quantile."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

QUANTILES = (
    *(q / 100 for q in range(1, 100)),
    *(0.99 + q / 1000 for q in range(1, 10)),
    0.9995,
    0.9999,
)


@dataclass(frozen=True, slots=True)
class Curve:
    """Latency at each quantile that the number of samples supports, pooled over blocks and stages."""

    arm: str
    endpoint: str | None
    quantiles: tuple[float, ...]
    latency_ms: tuple[float, ...]


def curve_of(arm: str, endpoint: str | None, latency_ns: NDArray[np.int64]) -> Curve:
    """The curve of some successes of an arm, at least one."""
    ranked = np.sort(latency_ns)
    supported = [q for q in QUANTILES if (1 - q) * len(ranked) >= 1]
    points = [int(ranked[int(np.ceil(q * len(ranked))) - 1]) / 1e6 for q in supported]
    return Curve(arm, endpoint, tuple(supported), tuple(points))
