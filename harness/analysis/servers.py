"""Server statistics: what database servers and caches report, by arm."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import fmean

import pandas as pd

from harness.analysis.readings import in_summary, readings_frame, readings_of_servers
from harness.plan.stages import StageKind
from harness.record.readings import TRIGGER_CALLS, TRIGGER_MS, TRIGGERS, UNCOUNTED_TRIGGERS
from harness.record.trial import Trial

COUNTERS = frozenset(
    {"wal_records", "wal_full_pages", "wal_bytes", "wal_buffers_full", "checkpoints"}
    | {"pages_read", "pages_written", "pages_added", "pages_evicted", "commits", "rollbacks", "blks_hit", "blks_read"}
    | {"rows_read", "rows_fetched", "deadlocks", "temp_files", "temp_bytes", "statements_evicted"}
    | {"hits", "misses", "evicted_keys", "expired_keys", "commands", "rejected_connections", "slow_commands"}
    | {"cpu_user_seconds", "cpu_system_seconds", TRIGGER_CALLS, TRIGGER_MS}
)
"""Readings that only increase."""
MAXIMA = frozenset({"connections", "blocked_sessions", "used_bytes", "clients", "dead_rows", "database_bytes"})
"""Readings summarised by their maximum instead of their mean."""
PER_LEG = frozenset(
    {"probe_cpu_seconds", "probe_server_ms", "probe_seconds", "statements_evicted", "checkpoints"}
    | {TRIGGERS, UNCOUNTED_TRIGGERS}
)
"""Readings summarised over a whole leg, because they are rare or read once."""
PROBES = "server:probes"


@dataclass(frozen=True, slots=True)
class ServerReport:
    """The statistics of one server, or of one of its databases, in one arm.

    ``counts``: increase per second of the measured stages (all except ramps); of some, per leg.
    """

    arm: str
    source: str  # ``server:postgres``, ``server:postgres/auth``, ``server:redis``, ``server:probes``
    counts: dict[str, float] = field(default_factory=dict)
    levels: dict[str, float] = field(default_factory=dict)  # means, or maxima, averaged over legs
    seconds: float = 0.0  # of the measured stages of a leg


def server_reports(trials: Sequence[Trial]) -> Iterator[ServerReport]:
    """The statistics of every server in every arm, in the order of reading."""
    frames = [frame for trial in trials if trial.readings.num_rows and len(frame := _frame(trial))]
    if not frames:
        return
    readings = pd.concat(frames, ignore_index=True)
    for (arm, source), found in readings.groupby(["arm", "source"], sort=False):
        counts: dict[str, float] = {}
        levels: dict[str, float] = {}
        for name, values in found.groupby("name", sort=False):
            of_legs = [_of_leg(leg, str(name)) for _, leg in values.groupby("leg")]
            if known := [value for value in of_legs if value is not None]:
                chosen = counts if str(name) in COUNTERS else levels
                chosen[str(name)] = max(known) if str(name) in MAXIMA else fmean(known)
        legs = [trial.generation.windows for trial in trials if trial.leg.arm == arm]
        seconds = fmean(math.fsum(window.seconds for window in leg if in_summary(window, None)) for leg in legs)
        yield ServerReport(str(arm), str(source), counts, levels, seconds)


def evictions_of(trial: Trial) -> int:
    """How often the server evicted entries of ``pg_stat_statements`` in a leg."""
    if not trial.readings.num_rows:
        return 0
    readings = readings_frame(trial)
    found = readings[readings["name"] == "statements_evicted"]
    return int(found["value"].max()) if len(found) else 0


def _of_leg(values: pd.DataFrame, name: str) -> float | None:
    """The value of one leg; ``None`` with too few readings."""
    inside = values if name in PER_LEG else values[values["inside"]]
    if inside.empty:
        return None
    numbers = inside["value"]
    if name in COUNTERS:
        rises = numbers.diff().clip(lower=0)  # a server that began anew counts from 0
        if name in PER_LEG:
            return float(rises.sum())
        together = inside["part"] == inside["part"].shift()
        spent = float((inside["at_ns"].diff() / 1e9)[together].sum())
        return float(rises[together].sum()) / spent if spent > 0 else None
    if name in MAXIMA:
        return float(numbers.max())
    return float(numbers.iloc[-1] if name in PER_LEG else numbers.sum() / inside["ticks"].iloc[0])


def _frame(trial: Trial) -> pd.DataFrame:
    """The readings of servers with their stage; ``inside``: in the measured part of a stage."""
    readings = readings_of_servers(trial)
    second = readings["at_ns"] / 1e9
    part = pd.Series(-1, index=readings.index)
    for number, window in enumerate(trial.generation.windows):
        if window.kind != StageKind.RAMP:
            part[(second >= window.measured_from) & (second < window.end)] = number
    readings = readings.assign(arm=trial.leg.arm, leg=trial.leg.number, part=part, inside=part >= 0)
    ticks = readings[readings["inside"]].groupby("source")["at_ns"].nunique()
    return readings.assign(ticks=readings["source"].map(ticks).fillna(1.0))
