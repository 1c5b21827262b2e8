"""The readings of a leg by source, and those of services as metrics, by the gauges of a plan."""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

import numpy as np
import pandas as pd

from harness.plan.readings import Gauge
from harness.plan.stages import StageKind
from harness.record.leg import Window
from harness.record.readings import of_generator, of_server
from harness.record.trial import Trial
from harness.statistics.percentiles import percentile

P95 = Fraction(95, 100)
KEYS = ("arm", "block", "stage", "ramp", "source", "at_ns")


def readings_frame(trial: Trial) -> pd.DataFrame:
    """The readings of a leg, with sources and names as texts."""
    readings = trial.readings.to_pandas()
    return readings.assign(source=readings["source"].astype(str), name=readings["name"].astype(str))


def readings_of_servers(trial: Trial) -> pd.DataFrame:
    """The readings that database servers and caches report, by time."""
    readings = readings_frame(trial)
    return readings[readings["source"].map(of_server).astype(bool)].sort_values("at_ns", kind="stable")


def readings_of_processes(trial: Trial) -> pd.DataFrame:
    """The readings of the processes and services under test."""
    readings = readings_frame(trial)
    others = readings["source"].map(lambda source: of_generator(source) or of_server(source)).astype(bool)
    return readings[~others]


def in_summary(window: Window, stage: str | None) -> bool:
    """Whether a window belongs to a stage, or without one to all stages except ramps."""
    return window.seconds > 0 and (window.kind != StageKind.RAMP if stage is None else window.stage == stage)


class GaugeValues:
    """The values of a plan's gauges in all legs.

    ``readings`` has one row per reading: ``arm``, ``block``, ``stage``, ``ramp``, ``source``, ``name``, ``at_ns``,
    ``value``.
    """

    def __init__(self, readings: pd.DataFrame, gauges: Mapping[str, Gauge]) -> None:
        self._gauges = gauges
        self._moments = {name: moments_of(readings, gauge, KEYS) for name, gauge in gauges.items() if len(readings)}

    def of(self, arm: str, blocks: Iterable[int], stage: str | None) -> dict[str, float]:
        """The value of each gauge in its unit, by name; without a stage over all except ramps.

        A service that reports a gauge in any leg must report it in each of these legs, else the gauge has no value: a
        service that fails to answer under load must not look better for it.
        """
        wanted = set(blocks)
        values = ((name, self._value(name, arm, wanted, stage)) for name in self._moments)
        return {name: value for name, value in values if value is not None}

    def _value(self, name: str, arm: str, blocks: set[int], stage: str | None) -> float | None:
        gauge, moments = self._gauges[name], self._moments[name]
        services = set(moments["source"])
        if not services:
            return None
        inside = ~moments["ramp"] if stage is None else moments["stage"] == stage
        moments = moments[inside & (moments["arm"] == arm) & moments["block"].isin(blocks)]
        reporting = set(zip(moments["block"], moments["source"], strict=True))
        if len(reporting) < len(services) * len(blocks):
            return None
        return worst(gauge, moments)


def worst(gauge: Gauge, moments: pd.DataFrame) -> float:
    """The gauge's statistic of the worst service."""
    choose = max if gauge.better == "lower" else min
    by_service = moments.groupby("source")["value"]
    return float(choose(_statistic(gauge, values) for _, values in by_service)) * gauge.factor


def moments_of(readings: pd.DataFrame, gauge: Gauge, keys: Sequence[str] = ("source", "at_ns")) -> pd.DataFrame:
    """The value of each service at each moment, by ``keys``; ratios with a zero denominator are left out."""
    found = _series(readings, gauge.of, gauge.service).groupby([*keys])["value"].sum()
    if gauge.over is not None:
        whole = _series(readings, gauge.over, gauge.service).groupby([*keys])["value"].sum()
        found = (found / whole[whole > 0]).dropna()
    return found.reset_index()


def _statistic(gauge: Gauge, values: "pd.Series[float]") -> float:
    match gauge.statistic:
        case "mean":
            return float(values.mean())
        case "max":
            return float(values.max())
        case "p95":
            return percentile(np.asarray(values, dtype=np.float64), P95) or 0.0


def _series(readings: pd.DataFrame, series: str, service: str | None) -> pd.DataFrame:
    """The readings of one series, or of all series of a metric."""
    names = readings["name"].astype(str)
    chosen = (names == series) | names.str.startswith(f"{series}{{")
    return readings[chosen & (service is None or readings["source"] == service)]
