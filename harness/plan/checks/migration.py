"""The migration under load: its checks, and the plan of the load that runs meanwhile."""

import math
import re
from collections.abc import Iterator

from harness.errors import Problem
from harness.plan.checks.external import placeholder_problems, quote_problems
from harness.plan.environment import Local
from harness.plan.migration import MigrationTable
from harness.plan.model import Plan
from harness.plan.stages import SLOWEST_CLIMB, Stage, StageKind

CLIMB_SECONDS = 2.0
"""The users start within this time; from then until the migration begins is the baseline."""
LEAST_AT = CLIMB_SECONDS + 2.0


def migration_problems(plan: Plan) -> Iterator[Problem]:
    """Why the migration cannot run under load."""
    during = plan.migration if plan.migration and plan.migration.during else None
    if not during:
        return
    if not isinstance(plan.environment, Local):
        what = f'needs an environment of kind "local", this one is of kind "{plan.environment.kind}"; remove it'
        yield Problem("migration.during", what)
        return
    yield from _command_problems(plan, plan.environment, during)
    titles = [stage.title for stage in plan.stages]
    if during.stage is not None and during.stage not in titles:
        yield Problem("migration.stage", f'no stage "{during.stage}"; known are {", ".join(titles)}')
    elif (stage := stage_of(plan)) is None:
        yield Problem("migration.stage", f"the plan has no sustain stage; name one of {', '.join(titles)}")
    elif stage.search is not None:
        yield Problem("migration.stage", f'"{stage.title}" searches, and has no load of its own; name another')
    if during.at < LEAST_AT:
        what = f"{during.at:g} s leave no time to see how long requests usually take: say {LEAST_AT:g} or more"
        yield Problem("migration.at", what)


def _command_problems(plan: Plan, environment: Local, during: MigrationTable) -> Iterator[Problem]:
    if not environment.migrate or not plan.arms["after"].revision:
        yield Problem("migration.during", "needs environment.migrate, the command, and arms.after.revision")
        return
    command = during.downgrade or environment.migrate
    if not during.down and not plan.arms["before"].revision and "{revision}" in command:
        yield Problem("migration.down", "missing, and arms.before has no revision: say which one to roll back to")
    found = re.findall(r"\{(\w+)\}", command)
    yield from placeholder_problems("migration.downgrade", found, ("revision", "service", "python"))
    yield from quote_problems("migration.downgrade", command)


def stage_of(plan: Plan) -> Stage | None:
    """The stage whose load runs during the migration; ``None`` without one."""
    named = plan.migration.stage if plan.migration else None
    if named is not None:
        return next((stage for stage in plan.stages if stage.title == named), None)
    return next((stage for stage in plan.stages if stage.kind is StageKind.SUSTAIN), None)


def under_load(plan: Plan) -> Plan:
    """The plan of the load during the migration: one stage, ended when the migration is done.

    It has one process, no faults, no aborts and no response comparison. Raises ``ValueError`` without such a stage.
    """
    stage, during = stage_of(plan), plan.migration
    if stage is None or during is None:
        raise ValueError("the plan tries no migration under load")
    commands = 2 * plan.environment.command_seconds * max(len(plan.services), 1)
    longest = during.at + during.hold_seconds + during.pause_seconds + commands + 60
    climbs = plan.open or stage.users / CLIMB_SECONDS >= SLOWEST_CLIMB
    one = Stage(
        kind=StageKind.SUSTAIN,
        name=stage.title,
        seconds=float(math.ceil(min(longest, 86_400))),
        users=stage.users,
        rate=stage.rate,
        ramp_seconds=CLIMB_SECONDS if climbs else 0.0,
    )
    load = plan.load.model_copy(update={"processes": 1})
    return plan.model_copy(update={"stages": (one,), "load": load, "faults": (), "aborts": (), "answers": None})
