"""Checks of targets: their places, their metrics, and the number of primary ones."""

from collections.abc import Iterator

from harness.errors import Problem, nearest
from harness.metrics import Origin, held_metric
from harness.plan.expectation import Expectation, Form
from harness.plan.model import Plan

MOST_PRIMARY = 6
"""Required relative targets; more would need more evidence than a run of sensible length gives."""


def target_problems(plan: Plan) -> list[Problem]:
    """Unknown stages, and duplicate claim ids."""
    titles = [stage.title for stage in plan.stages]
    unknown = {
        f"{where}.stage": f'no stage "{place.stage}"; {nearest(place.stage, titles)}'
        for where, place in plan.places
        if place.stage is not None and place.stage not in titles
    }
    ids = [claim.id for claim in plan.claims]
    twice = {f"claims[{i}].id": f'"{name}" is taken' for i, name in enumerate(ids) if name in ids[:i]}
    return [Problem(where, what) for where, what in (unknown | twice).items()]


def unmeasured_problems(plan: Plan) -> Iterator[Problem]:
    """Targets of metrics that the plan does not measure."""
    if plan.capacity and not plan.stress_loads:
        each = "rate" if plan.open else "number of users"
        yield Problem("capacity", f'is judged in stages of kind "stress"; add one for each {each} to try')
    for where, target in plan.judged:
        metric = target.expectation.metric
        for key in ("stage", "endpoint", "tag"):
            if metric.lacks(key) and getattr(target, key) is not None:
                yield Problem(f"{where}.{key}", f"{metric.name} is one value of a whole leg or arm; leave {key} out")
        if metric.origin is Origin.STRESS and (what := _capacity_problem(plan, target.expectation)):
            yield Problem(f"{where}.expect", what)
        migrates = plan.environment.kind != "external"
        if metric.origin is Origin.MIGRATION and migrates and not plan.arms["after"].revision:
            what = f"nothing measures {metric.name}: add environment.migrate and arms.after.revision, or leave it out"
            yield Problem(f"{where}.expect", what)


def _capacity_problem(plan: Plan, expectation: Expectation) -> str:
    """Why a target of capacity cannot be judged; empty when it can."""
    name, unit = expectation.metric.name, expectation.metric.unit
    measured, held = held_metric(rates=plan.open).name, "a rate is held" if plan.open else "users are held"
    if name != measured:
        loads = "rates" if plan.open else "users"
        return f"nothing measures {name}: the stages of this plan have {loads}; write {measured}"
    if not plan.capacity:
        return f'nothing measures {name}: define when {held}, as in [capacity] limit = ["p95 < 300 ms"]'
    if expectation.form is not Form.ABSOLUTE or not plan.stress_loads:
        return ""
    if expectation.below:
        more = "a higher rate" if plan.open else "more users"
        return f'{more} held is better; write "{name} >= {expectation.limit:.10g}"'
    if (largest := plan.stress_loads[-1]) < expectation.limit:
        has, fix = ("stress stage has", f"add one of {expectation.limit:.10g} or more")
        if plan.searched:
            has, fix = "load that the search tries is", "raise its to"
        return f"the largest {has} {largest:.10g} {unit}; {fix}"
    return ""


def primary_problems(plan: Plan) -> Iterator[Problem]:
    """The primary targets beyond the sixth.

    Checked before a run only, since recorded runs may be older than this rule.
    """
    primary = [index for index, target in enumerate(plan.targets) if target.primary]
    for index in primary[MOST_PRIMARY:]:
        number = primary.index(index) + 1
        what = (
            f'"{plan.targets[index].expect}" is required target of a change {number}, and at most {MOST_PRIMARY} '
            'can fail a run, as each more makes a false alarm likelier: write severity = "advisory" here or in another'
        )
        yield Problem(f"targets[{index}].severity", what)
