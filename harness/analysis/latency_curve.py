"""Latency curve: latency at each quantile that the number of samples supports."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from harness.statistics.percentiles import percentiles

QUANTILES = (
    *(Fraction(q, 100) for q in range(1, 100)),
    *(Fraction(q, 1000) for q in range(991, 1000)),
    Fraction("0.9995"),
    Fraction("0.9999"),
)


@dataclass(frozen=True, slots=True)
class Curve:
    """The latency curve of an arm, pooled over blocks and stages."""

    arm: str
    endpoint: str | None
    quantiles: tuple[float, ...]
    latency_ms: tuple[float, ...]


def curve_of(arm: str, endpoint: str | None, latency_ns: NDArray[np.int64]) -> Curve:
    """The curve of one or more successes of an arm."""
    supported = [q for q in QUANTILES if (1 - q) * len(latency_ns) >= 1]
    points = (ns / 1e6 for ns in percentiles(latency_ns, supported) if ns is not None)
    return Curve(arm, endpoint, tuple(map(float, supported)), tuple(points))
