"""Triggers: the time of trigger functions per request, by stage and arm, from the counters of databases.

A stage's value is the increase of the counter over its measured part, interpolated between readings. There is no value
where readings are missing around the stage or for longer than ``LONGEST_GAP``, where the counter was reset, or where
triggers have functions that are not counted.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.analysis.readings import readings_frame
from harness.plan.stages import StageKind
from harness.record.leg import Window
from harness.record.readings import COMMITS, TRIGGER_MS, UNCOUNTED_TRIGGERS, of_server
from harness.record.trial import Trial

LONGEST_GAP = 3.0  # seconds between two readings, which are taken once a second
LEAST_FALL = 1e-3  # a smaller decrease in ms is a rounding difference of the server's sum
Numbers = NDArray[np.float64]


class TriggerTime:
    """The trigger functions of some trials in the measured parts of their stages."""

    def __init__(self, trials: Sequence[Trial]) -> None:
        readings = {trial.leg.number: _trigger_readings(trial) for trial in trials}
        arms = {trial.leg.arm for trial in trials}
        known = {
            arm: {name for t in trials if t.leg.arm == arm for name in _databases(readings[t.leg.number])}
            for arm in arms
        }
        self._legs = [trial.leg for trial in trials]
        self._windows = {trial.leg.number: trial.generation.windows for trial in trials}
        self._ms = {
            trial.leg.number: [
                _taken(readings[trial.leg.number], known[trial.leg.arm], w) for w in trial.generation.windows
            ]
            for trial in trials
        }

    def of(self, arm: str, block: int | None, stage: str | None, requests: int) -> dict[str, float]:
        """The metric's value in a row; ``None`` pools blocks, or all stages except ramps; empty if unknown."""
        legs = [leg.number for leg in self._legs if leg.arm == arm and block in {None, leg.block}]
        parts = [[ms for w, ms in zip(self._windows[n], self._ms[n], strict=True) if _within(w, stage)] for n in legs]
        taken = [ms for part in parts for ms in part if ms is not None]
        if not requests or not legs or not all(parts) or len(taken) < sum(map(len, parts)):
            return {}
        return {"trigger_ms_per_request": sum(taken) / requests}


def _within(window: Window, stage: str | None) -> bool:
    return window.seconds > 0 and (window.kind != StageKind.RAMP if stage is None else window.stage == stage)


def _trigger_readings(trial: Trial) -> pd.DataFrame:
    """The readings of databases about triggers, and one that every database has."""
    found = readings_frame(trial)
    wanted = found["name"].isin([TRIGGER_MS, UNCOUNTED_TRIGGERS, COMMITS]) & found["source"].map(of_server).astype(bool)
    return found[wanted].sort_values("at_ns", kind="stable")


def _databases(readings: pd.DataFrame) -> set[str]:
    return set(readings[readings["name"] == COMMITS]["source"])


def _taken(readings: pd.DataFrame, databases: set[str], window: Window) -> float | None:
    """The time of all trigger functions in the measured part of a stage, in ms; ``None`` if unknown."""
    taken = []
    for database in databases:
        own = readings[readings["source"] == database]
        uncounted, counts = own[own["name"] == UNCOUNTED_TRIGGERS]["value"], own[own["name"] == TRIGGER_MS]
        if uncounted.empty or uncounted.iloc[-1] > 0:
            return None
        at, ms = counts["at_ns"].to_numpy() / 1e9, counts["value"].to_numpy(dtype=np.float64)
        taken.append(_risen(at, ms, window.measured_from, window.end))
    known = [ms for ms in taken if ms is not None]
    return sum(known) if known and len(known) == len(taken) else None


def _risen(at: Numbers, values: Numbers, start: float, end: float) -> float | None:
    """The increase of a counter between two times; ``None`` with missing readings or a reset."""
    first, last = int(np.searchsorted(at, start, "right")) - 1, int(np.searchsorted(at, end, "left"))
    if first < 0 or last >= len(at):
        return None
    at, values = at[first : last + 1], values[first : last + 1]
    if len(at) < 2 or np.diff(at).max() > LONGEST_GAP or np.diff(values).min() < -LEAST_FALL:  # noqa: PLR2004 - an end each
        return None
    begun, ended = np.interp([start, end], at, values)
    return float(ended - begun)
