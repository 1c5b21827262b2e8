"""Checks of faults: impossible ones, unobservable ones, and ones that do not end in time."""

from collections.abc import Iterator
from itertools import pairwise

from harness.errors import Problem
from harness.metrics import Origin
from harness.plan.environment import External, Local
from harness.plan.model import Plan

UNNAMED = "service"
"""The name of the only service in plans without named services."""


def fault_problems(plan: Plan) -> Iterator[Problem]:
    """Problems of faults, and of targets and signals that need one."""
    yield from _unmeasured_problems(plan)
    titles = [stage.title for stage in plan.stages]
    for index, fault in enumerate(plan.faults):
        where = f"faults[{index}]"
        yield from _place_problems(plan, where, index)
        if isinstance(plan.environment, External):
            what = "a fault is done to what the harness starts; this system runs already, take kind local or compose"
            yield Problem(where, what)
        if isinstance(plan.environment, Local):
            known = _of(plan.environment)
            if fault.service not in known:
                yield Problem(f"{where}.service", f'no "{fault.service}"; known are {", ".join(known)}')
            if fault.kind.needs_container:
                what = f'"{fault.kind}" is done to containers (kind = "compose"); processes can pause, kill and restart'
                yield Problem(f"{where}.kind", what)
    if all(fault.stage in titles for fault in plan.faults):
        yield from _clashes(plan)


def _of(environment: Local) -> list[str]:
    """Possible subjects of faults in a local environment."""
    return [*environment.provides, *(environment.services or (UNNAMED,))]


def _place_problems(plan: Plan, where: str, index: int) -> Iterator[Problem]:
    fault = plan.faults[index]
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


def _unmeasured_problems(plan: Plan) -> Iterator[Problem]:
    for where, target in plan.judged:
        metric = target.expectation.metric
        if metric.origin is Origin.FAULT and not plan.faults:
            yield Problem(
                f"{where}.expect", f"nothing measures {metric.name}: add a fault, [[faults]], to recover from"
            )
    read = plan.environment.metrics.read if plan.environment.metrics else ()
    for index, fault in enumerate(plan.faults):
        if fault.signal and fault.signal.partition("{")[0] not in read:
            name = fault.signal.partition("{")[0]
            what = f'nothing reads {name}; add metrics = {{ read = ["{name}"] }} to [environment]'
            yield Problem(f"faults[{index}].signal", what)
