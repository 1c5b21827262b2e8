"""Checks of the load: stages, the capacity search and aborts."""

import math
from collections.abc import Iterator

from harness.errors import Problem, nearest
from harness.metrics import METRICS
from harness.plan.model import Plan
from harness.plan.stages import SLOWEST_CLIMB, Search, Stage, StageKind


def stage_problems(plan: Plan) -> Iterator[Problem]:
    """Missing stages, duplicate names, ramps only, and mixed loads."""
    if not plan.stages:
        yield Problem("stages", "needs at least one [[stages]]")
        return
    titles = [stage.title for stage in plan.stages]
    for index, title in enumerate(titles):
        if (first := titles.index(title)) != index:
            yield Problem(f"stages[{index}].name", f'"{title}" is also stages[{first}]; give each a name of its own')
    if all(stage.kind is StageKind.RAMP for stage in plan.stages):
        yield Problem("stages", "only ramps, which are never summarised; add a sustain stage")
    yield from _load_problems(plan)


def _load_problems(plan: Plan) -> Iterator[Problem]:
    """Mixed open-loop and closed-loop stages, and ramps without a climb."""
    before = 0.0
    for index, stage in enumerate(plan.stages):
        where = f"stages[{index}]"
        if (stage.rate is None) == plan.open:
            what = "missing, and stages[0] has one" if plan.open else "stages[0] has none"
            yield Problem(f"{where}.rate", f"{what}; say rate in all stages of a plan or in none")
        elif stage.climb_seconds and stage.load == before:
            key, fix = (
                ("kind", "make it another kind") if stage.kind is StageKind.RAMP else ("ramp_seconds", "remove it")
            )
            yield Problem(f"{where}.{key}", f"a ramp from {before:g} to {stage.load:g} is none; {fix}")
        elif stage.climb_seconds and not plan.open and abs(stage.load - before) / stage.climb_seconds < SLOWEST_CLIMB:
            what = f"moves less than {SLOWEST_CLIMB:g} users per second, slower than Locust can; make it shorter"
            yield Problem(f"{where}.seconds", what)
        before = stage.load
    if plan.load.arrivals and not plan.open:
        yield Problem("load.arrivals", "sets the spacing of arrivals, and no stage has a rate; remove it")


def search_problems(plan: Plan) -> Iterator[Problem]:
    """Why a stage cannot search, or its result cannot be judged."""
    stage = plan.searched
    if stage is None or stage.search is None:
        return
    where = f"stages[{plan.stages.index(stage)}]"
    if plan.capacity is None:
        yield Problem(where, 'a search needs to know when a rate is held, as in [capacity] limit = ["p95 < 300 ms"]')
    yield from _search_place_problems(plan, stage, where)
    yield from _search_limit_problems(plan, where, stage.search)
    if plan.load.processes > 1:
        yield Problem("load.processes", "a search needs a single process; leave processes out")
    for number, fault in enumerate(plan.faults):
        if fault.stage == stage.title:
            what = "a fault in a search would reduce the capacity that is found; name another stage"
            yield Problem(f"faults[{number}].at", what)
    for place, target in plan.places:
        if target.stage == stage.title:
            yield Problem(f"{place}.stage", "a search tries other rates in each arm; name another stage")


def _search_place_problems(plan: Plan, stage: Stage, where: str) -> Iterator[Problem]:
    """Stages that are not allowed beside a search."""
    index = plan.stages.index(stage)
    if index != len(plan.stages) - 1:
        yield Problem(where, "a search has to be the last stage, since how long it takes is not known")
    for other in (i for i, one in enumerate(plan.stages) if one.kind is StageKind.STRESS and i != index):
        yield Problem(f"stages[{other}]", "a plan with a search has no other stress stage; remove either")
    if all(other.kind is StageKind.RAMP for other in plan.stages[:index]):
        what = 'before it, add a stage of kind "sustain" at a rate that both arms hold: it warms up and is summarised'
        yield Problem(where, what)


def _search_limit_problems(plan: Plan, where: str, search: Search) -> Iterator[Problem]:
    """Limits that a search cannot evaluate, or that one try has too few requests for."""
    for number, limit in enumerate(plan.limits):
        metric = limit.metric
        if not metric.searched:
            known = ", ".join(one.name for one in METRICS.values() if one.searched)
            yield Problem(f"capacity.limit[{number}]", f"a search cannot go by {metric.name}; it can by {known}")
        elif search.from_ * search.try_seconds < metric.min_samples:
            seconds = math.ceil(metric.min_samples / search.from_)
            what = (
                f"{search.try_seconds:g} s at {search.from_:g} a second are fewer than the {metric.min_samples} "
                f"requests that {metric.name} needs; say {seconds} or more"
            )
            yield Problem(f"{where}.search.try_seconds", what)


def abort_problems(plan: Plan) -> Iterator[Problem]:
    """Aborts that could never be evaluated; ``targets`` checks their stages."""
    lengths = {stage.title: stage.seconds for stage in plan.stages}
    for index, abort in enumerate(plan.aborts):
        where, window = f"aborts[{index}]", abort.limit.seconds
        if plan.searched:
            yield Problem(where, "a search goes beyond every limit to find it; leave aborts out of plans that search")
            continue
        arms = list(plan.arms_in_order)
        if unknown := [arm for arm in abort.arms if arm not in arms]:
            yield Problem(f"{where}.arms", f'no arm "{unknown[0]}"; {nearest(unknown[0], arms)}')
        watched = lengths.get(abort.stage, plan.seconds) if abort.stage else plan.seconds
        if plan.profile is None and abort.grace_seconds + window > watched:
            grace = f"{abort.grace_seconds:g} s of grace and " if abort.grace_seconds else ""
            part = f"the stage has {watched:g} s" if abort.stage else f"the load has {watched:g} s"
            yield Problem(f"{where}.when", f"{grace}a window of {window} s, and {part}: it would never be evaluated")
