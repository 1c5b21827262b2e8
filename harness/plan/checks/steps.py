"""Checks of the steps from before to after, and of their metrics."""

import json
from collections.abc import Iterator

from harness.errors import Problem, nearest
from harness.metrics import METRICS, Origin, Scale
from harness.plan.model import ARMS, Arm, Plan, Step


def step_problems(plan: Plan) -> Iterator[Problem]:
    """Steps that do not lead from before to after, and metrics without shares."""
    if plan.attribution is not None:
        yield from _way_problems(plan.attribution.steps, plan.arms)
        yield from _metric_problems(plan.attribution.metrics)


def _way_problems(steps: tuple[Step, ...], arms: dict[str, Arm]) -> Iterator[Problem]:
    """Steps that change nothing, share a name or do not lead to after."""
    names = [step.name for step in steps]
    arm, last = arms["before"], "arms.before"
    for index, step in enumerate(steps):
        where = f"attribution.steps[{index}]"
        if step.name in (*ARMS, *names[:index]):
            yield Problem(f"{where}.name", f'"{step.name}" is taken; give the step a name of its own')
        if step.applied_to(arm) == arm:
            yield Problem(where, f"changes nothing; give it a revision or an env that differs from those of {last}")
        arm, last = step.applied_to(arm), where
    if differences := _differences(arm, arms["after"]):
        yield Problem(last, f"does not arrive at arms.after: {'; '.join(differences)}")


def _differences(end: Arm, after: Arm) -> list[str]:
    names = sorted(end.env.keys() | after.env.keys())
    pairs = [
        ("revision", end.revision, after.revision),
        ("profiles", ",".join(end.profiles) or None, ",".join(after.profiles) or None),
        *((f"env {n}", end.env.get(n), after.env.get(n)) for n in names),
    ]
    return [
        f"{name} is {json.dumps(end_value) if end_value is not None else 'not set'}, arms.after "
        + (f"has {json.dumps(value)}" if value is not None else "does not set it, which no step can undo")
        for name, end_value, value in pairs
        if end_value != value
    ]


def _metric_problems(names: tuple[str, ...]) -> Iterator[Problem]:
    known = [m.name for m in METRICS.values() if m.scale is Scale.LOG and m.origin is Origin.REQUESTS]
    for index, name in enumerate(names):
        where = f"attribution.metrics[{index}]"
        if name in names[:index]:
            yield Problem(where, f'"{name}" is listed twice')
        elif name in METRICS and name not in known:
            what = f"{name} changes by points, which steps cannot share out; known are {', '.join(known)}"
            yield Problem(where, what)
        elif name not in known:
            yield Problem(where, f'nothing measures "{name}"; {nearest(name, known)}')
