"""Timeline: throughput, failures and latency second by second."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.analysis.cells import group_by_code, milliseconds
from harness.metrics import PERCENTILES
from harness.record.samples import latency_ns, succeeded
from harness.record.trial import Trial


@dataclass(frozen=True, slots=True)
class Second:
    """One second of the load, pooled over an arm's legs; ``rps`` is the mean of the legs."""

    second: int
    rps: float
    failures: int
    p50_ms: float | None
    p95_ms: float | None


@dataclass(frozen=True, slots=True)
class LegTimeline:
    """One leg: failures, and latencies of successes in ns, by the second in which they were due."""

    failures: dict[int, int]
    latency_ns: dict[int, NDArray[np.int64]]


def leg_timeline(trial: Trial) -> LegTimeline:
    """The timeline of a leg, with warm-ups and requests outside of stages."""
    due = (trial.samples["due_ns"].to_numpy() / 1e9).astype(np.int64)
    failed = ~succeeded(trial.samples)
    seconds = np.unique(due)
    code = np.searchsorted(seconds, due) * 2 + failed
    order, starts = group_by_code(code, 2 * len(seconds))
    latency, bounds = latency_ns(trial.samples)[order], starts.tolist()
    return LegTimeline(
        failures={s: bounds[2 * i + 2] - bounds[2 * i + 1] for i, s in enumerate(seconds.tolist())},
        latency_ns={s: latency[bounds[2 * i] : bounds[2 * i + 1]] for i, s in enumerate(seconds.tolist())},
    )


def arm_timeline(courses: Sequence[LegTimeline]) -> tuple[Second, ...]:
    """The legs of an arm together; a leg without requests does not count."""
    legs = [course for course in courses if course.latency_ns]
    found = []
    for second in sorted({second for leg in legs for second in leg.latency_ns}):
        latencies = np.concatenate([leg.latency_ns[second] for leg in legs if second in leg.latency_ns])
        p50, p95 = milliseconds(latencies, [PERCENTILES["p50"], PERCENTILES["p95"]])
        failures = sum(leg.failures.get(second, 0) for leg in legs)
        found.append(Second(second, len(latencies) / len(legs), failures, p50, p95))
    return tuple(found)
