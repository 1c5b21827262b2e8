"""Statements and trigger functions under load, by stage and arm, from counters that are read once a second.

A count of a statement belongs to a stage by the overlap of its second with the measured part. Executions after the last
stage belong to requests of that stage and count there. A stage with an unread second has no value.

The trigger time of a stage is the increase of its counter over the measured part, interpolated between readings. There
is no value where readings are missing around the stage or for longer than ``LONGEST_GAP``, where the counter was reset,
or where triggers have functions that are not counted.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.analysis.readings import in_summary, readings_of_servers
from harness.record.executions import HIDDEN
from harness.record.leg import Leg, Window
from harness.record.readings import COMMITS, TRIGGER_MS, UNCOUNTED_TRIGGERS
from harness.record.statements import Counts
from harness.record.trial import Trial

SLOW_MS = 100.0
LONGEST_GAP = 3.0  # seconds between two readings, which are taken once a second
LEAST_FALL = 1e-3  # a smaller decrease in ms is a rounding difference of the server's sum
Numbers = NDArray[np.float64]
COUNTS = ("calls", "rows", "hit", "read", "wal", "ms")


@dataclass(frozen=True, slots=True)
class StatementUse:
    """One statement in one arm over the measured part of all stages except ramps, all legs together."""

    arm: str
    service: str
    fingerprint: str  # equal in both arms, whatever its literals
    text: str  # empty where it is not visible
    calls: float
    rows: float
    hit: float  # shared buffer hits (8 kB)
    read: float  # buffers read from the operating system
    wal: float  # bytes of WAL
    ms: float
    slowest_ms: float  # the longest known execution, a lower bound
    requests: int  # of the same legs and stages
    seconds: float  # of the same legs and stages

    @property
    def mean_ms(self) -> float:
        return self.ms / self.calls if self.calls else 0.0


def cost_values(counts: Counts, requests: int = 1) -> dict[str, float]:
    """Database cost per request, by metric."""
    return {
        "db_statements_per_request": counts.calls / requests,
        "db_rows_per_request": counts.rows / requests,
        "db_blocks_per_request": counts.blocks / requests,
        "wal_bytes_per_request": counts.wal / requests,
    }


class StatementTotals:
    """The statements of some trials in the measured parts of their stages."""

    def __init__(self, trials: Sequence[Trial]) -> None:
        self._trials = [trial for trial in trials if trial.executions is not None]
        self._legs = [trial.leg for trial in trials]
        self._parts = {trial.leg.number: _parts(trial) for trial in self._trials}

    def of(self, arm: str, block: int | None, stage: str | None, requests: int) -> dict[str, float]:
        """Cost per request and the number of slow statements of a row, by metric; empty where a part was not read.

        ``None`` pools blocks, or all stages except ramps.
        """
        wanted = [leg.number for leg in self._legs if leg.arm == arm and block in {None, leg.block}]
        if not requests or not wanted or any(number not in self._parts for number in wanted):
            return {}
        parts = [part for number in wanted for part in self._parts[number] if in_summary(part.window, stage)]
        if not parts or not all(part.whole for part in parts):
            return {}
        found = pd.concat([part.counts for part in parts], ignore_index=True)
        values = cost_values(Counts(*(float(found[name].sum()) for name in COUNTS)), requests)
        hidden = bool((found["fingerprint"] == HIDDEN).any())
        return values if hidden else values | {"slow_statements": _slow(found)}

    def statements(self, requests: Mapping[int, int]) -> Iterator[StatementUse]:
        """Every statement of every arm, by total time; ``requests`` of each leg by its number."""
        for arm in dict.fromkeys(leg.arm for leg in self._legs):
            legs = {trial.leg.number: trial for trial in self._trials if trial.leg.arm == arm}
            parts = {n: [part for part in self._parts[n] if in_summary(part.window, None)] for n in legs}
            whole = {n: some for n, some in parts.items() if some and all(part.whole for part in some)}
            if not whole:
                continue
            total = sum(requests.get(number, 0) for number in whole)
            seconds = math.fsum(part.window.seconds for some in whole.values() for part in some)
            found = pd.concat([part.counts for some in whole.values() for part in some], ignore_index=True)
            texts = {key: text for n in whole for key, text in legs[n].executions.texts.items()}  # type: ignore[union-attr] # those that have some
            groups = found.groupby(["service", "fingerprint"], sort=False)
            sums = groups[[*COUNTS]].sum().join(groups["slowest_ms"].max()).sort_values("ms", ascending=False)
            for service, fingerprint, *values in sums.reset_index().itertuples(index=False):
                counts = dict(zip((*COUNTS, "slowest_ms"), map(float, values), strict=True))
                text = texts.get(str(fingerprint), "")
                yield StatementUse(arm, str(service), str(fingerprint), text, **counts, requests=total, seconds=seconds)


@dataclass(frozen=True, slots=True)
class _Part:
    """The counts in the measured part of one stage of one leg; ``whole``: completely read."""

    window: Window
    whole: bool
    counts: pd.DataFrame


def _parts(trial: Trial) -> list[_Part]:
    executions = trial.executions
    if executions is None:
        return []
    table = executions.table.to_pandas()
    table = table.assign(service=table["service"].astype(str), fingerprint=table["fingerprint"].astype(str))
    begun, ended = table["from_ns"].to_numpy() / 1e9, table["at_ns"].to_numpy() / 1e9
    found: list[_Part] = []
    windows = trial.generation.windows
    for window in windows:
        start, end = window.measured_from, window.end
        until = np.inf if window == windows[-1] else end
        inside = np.clip(np.minimum(ended, until) - np.maximum(begun, start), 0.0, None)
        share = np.divide(inside, ended - begun, out=np.zeros_like(inside), where=ended > begun)
        chosen = share > 0
        counts = table[chosen].copy()
        counts["mean_ms"] = counts["ms"] / counts["calls"]
        counts["slowest_ms"] = counts["slowest_ms"].where(share[chosen] >= 0.5, 0.0)  # noqa: PLR2004 - most of the second
        for name in COUNTS:
            counts[name] = counts[name] * share[chosen]
        found.append(_Part(window, executions.covers(start, end), counts))
    return found


def _slow(counts: pd.DataFrame) -> int:
    """The number of statements with a mean of a second, or a known execution, above ``SLOW_MS``."""
    long = (counts["mean_ms"] > SLOW_MS) | (counts["slowest_ms"] > SLOW_MS)
    return int(counts[long]["fingerprint"].nunique())


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
        return {"trigger_ms_per_request": math.fsum(taken) / requests}


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
