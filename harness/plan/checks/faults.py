"""Checks of faults: impossible ones, unobservable ones, and ones that do not end in time."""

from collections.abc import Iterator
from itertools import pairwise

from harness.errors import Problem
from harness.plan.environment import Local
from harness.plan.faults import Fault
from harness.plan.model import Plan
from harness.plan.readings import metric_of

UNNAMED = "service"
"""The name of the only service in plans without named services."""


def fault_problems(plan: Plan) -> Iterator[Problem]:
    """Faults that are impossible here, clash, or have a signal that is not read."""
    titles = [stage.title for stage in plan.stages]
    read = plan.environment.metrics.read if plan.environment.metrics else ()
    for index, fault in enumerate(plan.faults):
        where = f"faults[{index}]"
        if fault.signal and (name := metric_of(fault.signal)) not in read:
            what = f'nothing reads {name}; add metrics = {{ read = ["{name}"] }} to [environment]'
            yield Problem(f"{where}.signal", what)
        yield from _place_problems(plan, where, fault)
        if not plan.environment.starts:
            what = "a fault is done to what the harness starts; this system runs already, take kind local or compose"
            yield Problem(where, what)
        if isinstance(plan.environment, Local):
            known = [*plan.environment.provides, *(plan.environment.services or (UNNAMED,))]
            if fault.service not in known:
                yield Problem(f"{where}.service", f'no "{fault.service}"; known are {", ".join(known)}')
            if fault.kind.needs_container:
                what = f'"{fault.kind}" is done to containers (kind = "compose"); processes can pause, kill and restart'
                yield Problem(f"{where}.kind", what)
    if all(fault.stage in titles for fault in plan.faults):
        yield from _clashes(plan)


def _place_problems(plan: Plan, where: str, fault: Fault) -> Iterator[Problem]:
    stages = {stage.title: stage for stage in plan.stages}
    if fault.stage not in stages:
        example = f'a stage and how far into it, as in "{plan.stages[-1].title}+10 s"' if plan.stages else "a stage"
        yield Problem(f"{where}.at", f'no stage "{fault.stage}"; say {example}')
        return
    if fault.offset >= stages[fault.stage].seconds:
        what = f"{fault.offset:g} s into a stage of {stages[fault.stage].seconds:g} s; name the stage that it is in"
        yield Problem(f"{where}.at", what)
        return
    (begin,) = (second for second, planned in plan.planned_faults if planned is fault)
    if (end := begin + fault.seconds) >= plan.seconds:
        what = f"it ends {end - plan.seconds:g} s after the load, so its end is not measured; shorten or begin earlier"
        yield Problem(f"{where}.seconds", what)


def _clashes(plan: Plan) -> Iterator[Problem]:
    for name in dict.fromkeys(fault.service for fault in plan.faults):
        own = [(second, fault) for second, fault in plan.planned_faults if fault.service == name]
        for (begin, one), (following, other) in pairwise(own):
            if begin + one.seconds >= following:
                where = f"faults[{plan.faults.index(other)}].at"
                yield Problem(where, f"{name} is still under the fault at {one.at}; begin after it has ended")
