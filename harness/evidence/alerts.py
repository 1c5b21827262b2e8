"""Alerts: how often each would have fired in each arm, over the measured parts of all stages except ramps.

A stage is cut into windows of ten seconds; a rest of five seconds or more is a window, and so is a shorter stage. A
window with too few requests for its metric is not counted.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from harness.analysis.cells import FAILED, KINDS, group_by_code, kinds_of
from harness.analysis.readings import moments_of, readings_of_processes, worst
from harness.analysis.usage import used_by
from harness.metrics import Better, Metric, RequestCounts
from harness.plan.alerts import Alert
from harness.plan.readings import Gauge
from harness.plan.stages import StageKind
from harness.record.samples import latency_ms
from harness.record.trial import Trial
from harness.statistics.percentiles import percentile

WINDOW_SECONDS, LEAST_SECONDS = 10.0, 5.0
LEAST_REQUESTS = 20  # for a rate in a window


@dataclass(frozen=True, slots=True)
class AlertResult:
    """One alert in one arm: windows in which it fired, all windows with a value, and the worst value."""

    alert: Alert
    arm: str
    fired: int
    windows: int
    worst: float


@dataclass(slots=True)
class AlertResults:
    """Collects the values of alerts from trials on their way to the summary; ``gauges`` are readings of the plan."""

    alerts: Sequence[Alert]
    gauges: Mapping[str, Gauge] = field(default_factory=dict)
    _values: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    def watched(self, trials: Iterable[Trial]) -> Iterator[Trial]:
        """The same trials; each is evaluated when it is read."""
        watched = {alert.metric.name: alert for alert in self.alerts}
        for trial in trials:
            windows = list(_windows(trial))
            parts = [] if all(alert.from_probes for alert in watched.values()) else list(_parts(trial, windows))
            for name, alert in watched.items():
                if alert.from_probes:
                    values = _beside(trial, windows, alert.metric, self.gauges.get(name))
                else:
                    found = (_value(alert.metric, *part) for part in parts)
                    values = (value for value in found if value is not None)
                self._values.setdefault((trial.leg.arm, name), []).extend(values)
            yield trial

    def found(self) -> tuple[AlertResult, ...]:
        return tuple(
            AlertResult(
                alert=alert,
                arm=arm,
                fired=sum(map(alert.fires, values)),
                windows=len(values),
                worst=(max if alert.metric.better is Better.LOWER else min)(values),
            )
            for alert in self.alerts
            for (arm, name), values in self._values.items()
            if name == alert.metric.name and values
        )


def _windows(trial: Trial) -> Iterator[tuple[float, float]]:
    for window in trial.generation.windows:
        length = window.end - window.measured_from
        if window.kind == StageKind.RAMP or length <= 0:
            continue
        count = max(math.floor(length / WINDOW_SECONDS), 1)
        for number in range(count):
            start = window.measured_from + number * WINDOW_SECONDS
            yield start, min(start + WINDOW_SECONDS, window.end)
        if length > WINDOW_SECONDS and length - count * WINDOW_SECONDS >= LEAST_SECONDS:
            yield window.measured_from + count * WINDOW_SECONDS, window.end


def _parts(
    trial: Trial, windows: Sequence[tuple[float, float]]
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.int64]]]:
    """Latencies in ms, and kinds, of the requests of each window."""
    if not windows:
        return
    due = trial.samples["due_ns"].to_numpy() / 1e9
    starts, ends = (np.array(side) for side in zip(*windows, strict=True))
    place = np.searchsorted(starts, due, side="right") - 1
    rows = np.flatnonzero((place >= 0) & (due < ends[place]))
    order, bounds = group_by_code(place[rows], len(windows))
    rows = rows[order]
    latency, kind = latency_ms(trial.samples)[rows], kinds_of(trial.samples)[rows]
    for number in range(len(windows)):
        inside = slice(bounds[number], bounds[number + 1])
        yield latency[inside], kind[inside]


def _value(metric: Metric, latency: NDArray[np.float64], kind: NDArray[np.int64]) -> float | None:
    if metric.quantile is not None:
        good = latency[kind != FAILED]
        return percentile(good, metric.quantile) if len(good) >= metric.min_samples else None
    hits, misses, _, failed = np.bincount(kind, minlength=len(KINDS)).tolist()
    counts = RequestCounts(requests=len(kind), failures=failed, hits=hits, lookups=hits + misses)
    return metric.from_counts(counts) if metric.from_counts and counts.samples(metric) >= LEAST_REQUESTS else None


def _beside(
    trial: Trial, windows: Sequence[tuple[float, float]], metric: Metric, gauge: Gauge | None
) -> Iterator[float]:
    """CPU or memory per window; with a gauge, that reading of the plan."""
    own = readings_of_processes(trial)
    if own.empty:
        return
    own = own if gauge is None else moments_of(own, gauge)
    for start, end in windows:
        inside = own[(own["at_ns"] >= start * 1e9) & (own["at_ns"] < end * 1e9)]
        if gauge is not None and len(inside):
            yield worst(gauge, inside)
        elif gauge is None and (value := used_by(metric, inside)) is not None:
            yield value
