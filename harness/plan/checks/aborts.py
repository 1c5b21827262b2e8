"""Checks of aborts."""

from collections.abc import Iterator

from harness.errors import Problem, nearest
from harness.plan.model import Plan


def abort_problems(plan: Plan) -> Iterator[Problem]:
    """Aborts that could never be evaluated; ``targets`` checks their stages."""
    lengths = {stage.title: stage.seconds for stage in plan.stages}
    for index, abort in enumerate(plan.aborts):
        where, window = f"aborts[{index}]", abort.limit.seconds
        if any(stage.search for stage in plan.stages):
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
