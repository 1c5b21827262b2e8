"""Facts: what is one value of a whole leg or of an arm, and has none for a stage or an endpoint."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median_low

from harness.measures.capacity import Sought, Step, capacity_of, load_held
from harness.measures.recovery import Recovery
from harness.trial import Migration, Trial


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of one leg, or of all legs of an arm together; ``None`` is what nobody measured.

    Of several legs, ``users_held`` and ``rate_held`` (in arrivals per second; a plan has one or the other) are the
    median, of an even number the lower middle one: a load that was tried. ``ready_seconds`` is the mean. ``held_all``
    says that every stress stage was held, so that more may be. Where the rate was ``searched`` it is the highest that
    held, and ``rate_missed`` the lowest that did not; ``held_all`` then says that none was found that did not.
    ``recovery_seconds`` and ``detection_seconds`` are the longest of all faults, lower bounds unless all ``recovered``
    and were ``detected``. What a migration took and made belongs to its arm and to no leg; several of one arm add up.
    """

    users_held: int | None = None
    rate_held: float | None = None
    rate_missed: float | None = None
    held_all: bool = False
    searched: bool = False
    ready_seconds: float | None = None
    detection_seconds: float | None = None
    recovery_seconds: float | None = None
    detected: bool = True
    recovered: bool = True
    indexes_created: int | None = None
    migration_seconds: float | None = None


def facts_of(
    legs: Sequence[Trial],
    steps: Sequence[Step],
    recoveries: Sequence[Recovery] = (),
    migrations: Sequence[Migration] = (),
    searches: Sequence[Sought] = (),
) -> Facts:
    """The facts of some legs of one arm, from stress stages, searches and faults of all legs and its own migrations."""
    own = [recovery for recovery in recoveries if any(recovery.leg == trial.leg for trial in legs)]
    signalled = [recovery for recovery in own if recovery.noticed_after is not None]
    ready = [trial.ready_seconds for trial in legs if trial.ready_seconds is not None]
    stepped = (load_held([step for step in steps if step.leg == trial.leg]) for trial in legs)
    loads = [load for load in stepped if load is not None]
    held = median_low(loads) if loads else None
    in_rates = any(step.rate is not None for step in steps)
    found = capacity_of([one for one in searches if any(one.leg == trial.leg for trial in legs)])
    return Facts(
        users_held=None if held is None or in_rates else int(held),
        rate_held=found.held if found else held if in_rates else None,
        rate_missed=found.missed if found else None,
        held_all=found.at_least if found else held is not None and held == max(step.load for step in steps),
        searched=found is not None,
        ready_seconds=fmean(ready) if ready else None,
        detection_seconds=max((r.noticed_after for r in signalled if r.noticed_after is not None), default=None),
        recovery_seconds=max((recovery.recovered_after for recovery in own), default=None),
        detected=all(recovery.noticed for recovery in signalled),
        recovered=all(recovery.recovered for recovery in own),
        indexes_created=sum(len(migration.indexes_created) for migration in migrations) if migrations else None,
        migration_seconds=sum(migration.seconds for migration in migrations) if migrations else None,
    )
