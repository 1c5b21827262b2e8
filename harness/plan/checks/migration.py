"""The migration under load: what is wrong with it in a plan, and the plan of the load that flows meanwhile."""

import math
import re
import shlex
from collections.abc import Iterator

from harness.errors import Problem
from harness.metrics import Origin
from harness.plan.environment import Local
from harness.plan.model import Plan
from harness.plan.stages import SLOWEST_CLIMB, Stage, StageKind

CLIMB_SECONDS = 2.0
"""The users of the load come within this time; what follows, until the migration begins, is how it usually is."""
LEAST_QUIET_SECONDS = 2.0


def during_problems(plan: Plan) -> Iterator[Problem]:
    """What keeps a plan's migration from being tried under load, and targets of it that nothing would measure."""
    during = plan.migration if plan.migration and plan.migration.during else None
    for where, target in plan.judged:
        metric = target.expectation.metric
        if metric.origin is Origin.MIGRATION_UNDER_LOAD and not during:
            what = f"nothing measures {metric.name}: add [migration] with during = true, or leave it out"
            yield Problem(f"{where}.expect", what)
    if not during:
        return
    if not isinstance(plan.environment, Local):
        what = f'needs an environment of kind "local", this one is of kind "{plan.environment.kind}"; remove it'
        yield Problem("migration.during", what)
        return
    yield from _command_problems(plan, plan.environment)
    titles = [stage.title for stage in plan.stages]
    if during.stage is not None and during.stage not in titles:
        yield Problem("migration.stage", f'no stage "{during.stage}"; known are {", ".join(titles)}')
    elif (stage := stage_of(plan)) is None:
        yield Problem("migration.stage", f"the plan has no sustain stage; name one of {', '.join(titles)}")
    elif stage.search is not None:
        yield Problem("migration.stage", f'"{stage.title}" searches, and has no load of its own; name another')
    if during.at < CLIMB_SECONDS + LEAST_QUIET_SECONDS:
        what = (
            f"{during.at:g} s leave no time to see how long requests usually take: "
            f"say {CLIMB_SECONDS + LEAST_QUIET_SECONDS:g} or more"
        )
        yield Problem("migration.at", what)


def _command_problems(plan: Plan, environment: Local) -> Iterator[Problem]:
    during, before = plan.migration, plan.arms["before"].revision
    if not environment.migrate or not plan.arms["after"].revision:
        yield Problem("migration.during", "needs environment.migrate, the command, and arms.after.revision")
        return
    command = (during.downgrade if during else None) or environment.migrate
    if not (during and during.down) and not before and "{revision}" in command:
        yield Problem("migration.down", "missing, and arms.before has no revision: say which one to roll back to")
    for name in re.findall(r"\{(\w+)\}", command):
        if name not in {"python", "revision", "service"}:
            what = f'unknown placeholder "{{{name}}}"; known are "{{revision}}", "{{service}}", "{{python}}"'
            yield Problem("migration.downgrade", what)
    try:
        shlex.split(command)
    except ValueError as error:
        yield Problem("migration.downgrade", f"cannot be split into words: {error}; mend its quotes")


def stage_of(plan: Plan) -> Stage | None:
    """The stage whose load flows while the migration runs; ``None`` where the plan has none."""
    named = plan.migration.stage if plan.migration else None
    if named is not None:
        return next((stage for stage in plan.stages if stage.title == named), None)
    return next((stage for stage in plan.stages if stage.kind is StageKind.SUSTAIN), None)


def under_load(plan: Plan) -> Plan:
    """The plan of the load that flows while the migration runs: one stage, which is ended when all is done.

    It is made by one process; faults, aborts and the comparison of answers are left out.

    Raises:
        ValueError: when the plan has no such stage.
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
