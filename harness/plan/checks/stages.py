"""Checks of stages."""

from harness.errors import Problem
from harness.plan.model import Plan
from harness.plan.stages import SLOWEST_CLIMB, StageKind


def stage_problems(plan: Plan) -> list[Problem]:
    """Missing stages, duplicate names, ramps only, and mixed loads."""
    problems = []
    first: dict[str, int] = {}
    for index, stage in enumerate(plan.stages):
        if stage.title in first:
            what = f'"{stage.title}" is also stages[{first[stage.title]}]; give each a name of its own'
            problems.append(Problem(f"stages[{index}].name", what))
        first.setdefault(stage.title, index)
    if not plan.stages:
        return [Problem("stages", "needs at least one [[stages]]")]
    if all(stage.kind is StageKind.RAMP for stage in plan.stages):
        problems.append(Problem("stages", "only ramps, which are never summarised; add a sustain stage"))
    return [*problems, *_load_problems(plan)]


def _load_problems(plan: Plan) -> list[Problem]:
    """Mixed open-loop and closed-loop stages, and ramps without a climb."""
    problems = []
    for index, stage in enumerate(plan.stages):
        before, where = plan.stages[index - 1].load if index else 0.0, f"stages[{index}]"
        if (stage.rate is None) == plan.open:
            what = "missing, and stages[0] has one" if plan.open else "stages[0] has none"
            problems.append(Problem(f"{where}.rate", f"{what}; say rate in all stages of a plan or in none"))
        elif stage.climb_seconds and stage.load == before:
            fix = "make it another kind" if stage.kind is StageKind.RAMP else "remove it"
            key = "kind" if stage.kind is StageKind.RAMP else "ramp_seconds"
            problems.append(Problem(f"{where}.{key}", f"a ramp from {before:g} to {stage.load:g} is none; {fix}"))
        elif stage.climb_seconds and not plan.open and abs(stage.load - before) / stage.climb_seconds < SLOWEST_CLIMB:
            what = f"moves less than {SLOWEST_CLIMB:g} users per second, slower than Locust can; make it shorter"
            problems.append(Problem(f"{where}.seconds", what))
    if plan.load.arrivals and not plan.open:
        what = "sets the spacing of arrivals, and no stage has a rate; remove it"
        problems.append(Problem("load.arrivals", what))
    return problems
