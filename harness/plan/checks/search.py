"""Checks of capacity searches."""

import math
from collections.abc import Iterator

from harness.errors import Problem
from harness.metrics import METRICS
from harness.plan.model import Plan
from harness.plan.stages import Search, Stage, StageKind


def search_problems(plan: Plan) -> Iterator[Problem]:
    """Why a stage cannot search, or its result cannot be judged."""
    stage = plan.searched
    if stage is None or stage.search is None:
        return
    where = f"stages[{plan.stages.index(stage)}]"
    if plan.capacity is None:
        yield Problem(where, 'a search needs to know when a rate is held, as in [capacity] limit = ["p95 < 300 ms"]')
    yield from _place_problems(plan, stage, where)
    yield from _limit_problems(plan, where, stage.search)
    if plan.load.processes > 1:
        yield Problem("load.processes", "a search needs a single process; leave processes out")
    for number, fault in enumerate(plan.faults):
        if fault.stage == stage.title:
            what = "a fault in a search would reduce the capacity that is found; name another stage"
            yield Problem(f"faults[{number}].at", what)
    for place, target in plan.places:
        if target.stage == stage.title:
            yield Problem(f"{place}.stage", "a search tries other rates in each arm; name another stage")


def _place_problems(plan: Plan, stage: Stage, where: str) -> Iterator[Problem]:
    """Stages that are not allowed beside a search."""
    index = plan.stages.index(stage)
    if index != len(plan.stages) - 1:
        yield Problem(where, "a search has to be the last stage, since how long it takes is not known")
    for other in (i for i, one in enumerate(plan.stages) if one.kind is StageKind.STRESS and i != index):
        yield Problem(f"stages[{other}]", "a plan with a search has no other stress stage; remove either")
    if all(other.kind is StageKind.RAMP for other in plan.stages[:index]):
        what = 'before it, add a stage of kind "sustain" at a rate that both arms hold: it warms up and is summarised'
        yield Problem(where, what)


def _limit_problems(plan: Plan, where: str, search: Search) -> Iterator[Problem]:
    """Limits that a search cannot evaluate, or that one try has too few requests for."""
    for number, limit in enumerate(plan.limits):
        metric = limit.metric
        if not metric.searched:
            known = ", ".join(one.name for one in METRICS.values() if one.searched)
            yield Problem(f"capacity.limit[{number}]", f"a search cannot go by {metric.name}; it can by {known}")
        elif search.from_ * search.try_seconds < metric.min_samples:
            seconds = math.ceil(metric.min_samples / search.from_)
            short = f"{search.try_seconds:g} s at {search.from_:g} a second are fewer than the {metric.min_samples}"
            what = f"{short} requests"
            yield Problem(f"{where}.search.try_seconds", f"{what} that {metric.name} needs; say {seconds} or more")
