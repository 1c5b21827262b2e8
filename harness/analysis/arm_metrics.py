"""Arm metrics: metrics with one value per leg or arm, such as capacity, recovery and migration time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median_low

from harness.analysis.capacity import SearchResult, StressStep, capacity_of, load_held
from harness.analysis.recovery import Recovery
from harness.metrics import LOADS_HELD, held_metric
from harness.record.trial import Migration, Trial


@dataclass(frozen=True, slots=True)
class ArmMetrics:
    """The values of one leg, or of all legs of an arm together, by metric; unmeasured ones are absent.

    Of several legs, the load held is the lower median, which is a load that was tried; it is a lower bound when every
    stress stage held, or a search found no rate that missed. After a search ``upper_ends`` has the lowest rate that
    missed. The time to readiness is the mean. Times to recovery and detection are the longest of all faults, lower
    bounds unless all faults were recovered from and detected. Migrations belong to the arm and to no leg; several of
    one arm add up.
    """

    values: dict[str, float]
    lower_bounds: frozenset[str]
    upper_ends: dict[str, float]


def arm_metrics(
    legs: Sequence[Trial],
    steps: Sequence[StressStep],
    recoveries: Sequence[Recovery] = (),
    migrations: Sequence[Migration] = (),
    searches: Sequence[SearchResult] = (),
) -> ArmMetrics:
    """The values of some legs of one arm; steps, recoveries and searches are of all legs, migrations of the arm."""
    values: dict[str, float] = {}
    bounds: dict[str, bool] = {}
    upper_ends: dict[str, float] = {}
    if ready := [trial.ready_seconds for trial in legs if trial.ready_seconds is not None]:
        values["ready_seconds"] = fmean(ready)
    stepped = (load_held([step for step in steps if step.leg == trial.leg]) for trial in legs)
    found = capacity_of([one for one in searches if any(one.leg == trial.leg for trial in legs)])
    rate = held_metric(rates=True).name
    if found:
        values[rate], bounds = found.held, dict.fromkeys(LOADS_HELD, found.at_least)
        upper_ends[rate] = math.inf if found.missed is None else found.missed
    elif loads := [load for load in stepped if load is not None]:
        held, rates = median_low(loads), any(step.rate is not None for step in steps)
        name = held_metric(rates=rates).name
        values[name] = held if rates else int(held)
        bounds = dict.fromkeys(LOADS_HELD, held == max(step.load for step in steps))
    if own := [recovery for recovery in recoveries if any(recovery.leg == trial.leg for trial in legs)]:
        values["recovery_seconds"] = max(recovery.recovered_after for recovery in own)
        bounds["recovery_seconds"] = not all(recovery.recovered for recovery in own)
    if signalled := [(r.noticed_after, r.noticed) for r in own if r.noticed_after is not None]:
        values["detection_seconds"] = max(after for after, _ in signalled)
        bounds["detection_seconds"] = not all(noticed for _, noticed in signalled)
    if migrations:
        values["indexes_created"] = sum(len(migration.indexes_created) for migration in migrations)
        values["migration_seconds"] = sum(migration.seconds for migration in migrations)
    return ArmMetrics(values, frozenset(name for name, bound in bounds.items() if bound), upper_ends)
