"""Triggers: the time of trigger functions per request, by stage and arm, from the counters of databases.

A stage's value is the increase of the counter over its measured part, interpolated between readings. There is no value
where readings are missing around the stage or for longer than ``LONGEST_GAP``, where the counter was reset, or where
triggers have functions that are not counted.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.analysis.readings import in_summary, readings_of_servers
from harness.record.leg import Leg, Window
from harness.record.readings import COMMITS, TRIGGER_MS, UNCOUNTED_TRIGGERS
from harness.record.trial import Trial

LONGEST_GAP = 3.0  # seconds between two readings, which are taken once a second
LEAST_FALL = 1e-3  # a smaller decrease in ms is a rounding difference of the server's sum
Numbers = NDArray[np.float64]


class TriggerTime:
    """The trigger functions of some trials in the measured parts of their stages."""

    def __init__(self, trials: Sequence[Trial]) -> None:
        readings = [_trigger_readings(trial) for trial in trials]
        databases: dict[str, set[str]] = {}
        for trial, found in zip(trials, readings, strict=True):
            databases.setdefault(trial.leg.arm, set()).update(found[found["name"] == COMMITS]["source"])
        self._legs: list[tuple[Leg, list[tuple[Window, float | None]]]] = []
        for trial, found in zip(trials, readings, strict=True):
            taken = [(window, _taken(found, databases[trial.leg.arm], window)) for window in trial.generation.windows]
            self._legs.append((trial.leg, taken))

    def of(self, arm: str, block: int | None, stage: str | None, requests: int) -> dict[str, float]:
        """The metric's value in a row; ``None`` pools blocks, or all stages except ramps; empty if unknown."""
        windows = [windows for leg, windows in self._legs if leg.arm == arm and block in {None, leg.block}]
        parts = [[ms for window, ms in of_leg if in_summary(window, stage)] for of_leg in windows]
        taken = [ms for part in parts for ms in part if ms is not None]
        if not requests or not parts or not all(parts) or len(taken) < sum(map(len, parts)):
            return {}
        return {"trigger_ms_per_request": sum(taken) / requests}


def _trigger_readings(trial: Trial) -> pd.DataFrame:
    """The readings of databases about triggers, and one that every database has."""
    found = readings_of_servers(trial)
    return found[found["name"].isin([TRIGGER_MS, UNCOUNTED_TRIGGERS, COMMITS])]


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
