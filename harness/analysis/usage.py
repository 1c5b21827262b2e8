"""Usage: CPU and memory of servers and services, by stage, from process readings."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import pandas as pd

from harness.analysis.readings import GaugeValues, readings_of_processes
from harness.metrics import METRICS, Metric, ProcessRole, Unit
from harness.plan.readings import Gauge
from harness.plan.stages import StageKind
from harness.record.readings import CPU, DESCRIPTORS, MEMORY, THREADS
from harness.record.trial import Trial
from harness.statistics.intervals import Interval, t_interval
from harness.statistics.time_series import trend

MEGABYTE, HOUR_SECONDS = 1e6, 3600.0
ALLOCATION_MB = 1.0  # the size of an arena of Python's allocator; Redis and PostgreSQL allocate in no smaller steps


class MemoryTrend(StrEnum):
    """The memory trend in endurance stages, judged by its interval."""

    GROWS = "grows"
    SHRINKS = "shrinks"
    STEADY = "steady"
    UNDECIDED = "not decided"


@dataclass(frozen=True, slots=True)
class Consumer:
    """The resources of a server or service in one arm, over all stages except ramps.

    ``growth`` is the slope of memory in endurance stages in MB per hour, with its interval over blocks (or of a single
    leg); ``None`` without an endurance stage of sufficient length.
    """

    arm: str
    name: str
    cpu: float | None  # the mean share of the host's cores
    memory_mb: float  # the peak
    growth: Interval | None
    detectable: float = 0.0  # the smallest detectable slope: allocators take memory in steps
    threads: int | None = None  # the peak
    descriptors: int | None = None  # the peak of open files and sockets

    @property
    def course(self) -> MemoryTrend | None:
        """The memory trend; ``None`` without ``growth``."""
        growth = self.growth
        if growth is None:
            return None
        if -self.detectable <= growth.low and growth.high <= self.detectable:
            return MemoryTrend.STEADY
        if abs(growth.value) <= self.detectable or growth.low <= 0 <= growth.high:
            return MemoryTrend.UNDECIDED
        return MemoryTrend.GROWS if growth.value > 0 else MemoryTrend.SHRINKS


class Usage:
    """The readings of servers and services in the measured parts of the stages."""

    def __init__(self, trials: Sequence[Trial], gauges: Mapping[str, Gauge] | None = None) -> None:
        frames = [frame for trial in trials if trial.readings.num_rows and len(frame := _frame(trial))]
        self._readings = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
        self._legs = [trial.leg for trial in trials]
        self._gauging = GaugeValues(self._readings, gauges or {})

    def of(self, arm: str, block: int | None, stage: str | None) -> dict[str, float]:
        """CPU (mean share of the host) and memory (peak, MB) of services together, and the plan's own readings.

        ``None`` pools blocks, or all stages except ramps.
        """
        found = self._readings
        blocks = [leg.block for leg in self._legs if leg.arm == arm and block in {None, leg.block}]
        if not found.empty:
            inside = ~found["ramp"] if stage is None else found["stage"] == stage
            found = found[inside & (found["arm"] == arm) & (block is None or found["block"] == block)]
        if found.empty:
            return {}
        used = {metric.name: used_by(metric, found) for metric in METRICS.values() if metric.process is not None}
        return {name: value for name, value in used.items() if value is not None} | self._gauging.of(arm, blocks, stage)

    def consumers(self) -> Iterator[Consumer]:
        if self._readings.empty:
            return
        steady = self._readings[~self._readings["ramp"]]
        for (arm, name), found in steady.groupby(["arm", "source"], sort=False):
            cpu, memory = found[found["name"] == CPU]["value"], found[found["name"] == MEMORY]
            endured = memory[memory["endurance"]]
            yield Consumer(
                arm=str(arm),
                name=str(name),
                cpu=float(cpu.mean()) if len(cpu) else None,
                memory_mb=float(memory["value"].max()) / MEGABYTE if len(memory) else math.nan,
                growth=_growth(endured),
                detectable=_detectable(endured),
                threads=_most(found, THREADS),
                descriptors=_most(found, DESCRIPTORS),
            )


def used_by(metric: Metric, readings: pd.DataFrame) -> float | None:
    """The CPU (mean share of the host) or memory (peak, MB) of a process metric, added over services.

    ``readings`` have ``source``, ``name`` and ``value``; ``None`` without any of these processes.
    """
    others = ~readings["source"].isin([ProcessRole.DATABASE, ProcessRole.CACHE])
    own = readings[others if metric.process is ProcessRole.SERVICE else readings["source"] == metric.process]
    if metric.unit is Unit.FRACTION:
        by_source = own[own["name"] == CPU].groupby("source")["value"].mean()
    else:
        by_source = own[own["name"] == MEMORY].groupby("source")["value"].max() / MEGABYTE
    return float(by_source.sum()) if len(by_source) else None


def _most(readings: pd.DataFrame, name: str) -> int | None:
    values = readings[readings["name"] == name]["value"]
    return int(values.max()) if len(values) else None


def _growth(memory: pd.DataFrame) -> Interval | None:
    slopes = []
    for _, leg in memory.groupby("block"):
        slope = trend(list(leg["value"] / MEGABYTE))
        every = float((leg["at_ns"].iloc[-1] - leg["at_ns"].iloc[0]) / 1e9 / max(len(leg) - 1, 1))
        if slope is None or every <= 0:
            return None
        per_hour = HOUR_SECONDS / every
        slopes.append(slope.mapped(per_hour.__mul__))
    return t_interval([slope.value for slope in slopes]) or (slopes[0] if slopes else None)


def _detectable(memory: pd.DataFrame) -> float:
    lengths = [leg["at_ns"].iloc[-1] - leg["at_ns"].iloc[0] for _, leg in memory.groupby("block")]
    hours = float(min(lengths, default=0)) / 1e9 / HOUR_SECONDS
    return ALLOCATION_MB / hours if hours else math.inf


def _frame(trial: Trial) -> pd.DataFrame:
    readings = readings_of_processes(trial)
    second = readings["at_ns"] / 1e9
    parts = [
        readings[(second >= window.measured_from) & (second < window.end)].assign(
            arm=trial.leg.arm,
            block=trial.leg.block,
            stage=window.stage,
            ramp=window.kind == StageKind.RAMP,
            endurance=window.kind == StageKind.ENDURANCE,
        )
        for window in trial.generation.windows
    ]
    return pd.concat(parts, ignore_index=True) if parts else readings[:0]
