"""Comparable: the facts that must be equal in two runs before their results may be compared."""

from harness.plan.model import Plan
from harness.record.setup import Setup, differing_facts


def incomparable_facts(one: Setup, one_plan: Plan, other: Setup, other_plan: Plan) -> list[str]:
    """The facts that differ between two runs and must not, each as ``name: one, other``.

    Targets, claims, the number of blocks and the arms may differ.
    """
    facts = differing_facts(one, other)
    if one_plan.stages != other_plan.stages:
        facts.append("stages: the plans load differently")
    if one_plan.capacity != other_plan.capacity:
        facts.append("capacity: users are held by other limits")
    if one_plan.faults != other_plan.faults:
        facts.append("faults: other ones, or at other times")
    sides = [
        {
            "environment": plan.environment.kind,
            "cores of the environment": tuple(getattr(plan.environment, "cores", ())),
            "cores of the load": plan.load.cores,
            "arrivals": plan.load.arrivals or "poisson",
        }
        for plan in (one_plan, other_plan)
    ]
    both = zip(sides[0].items(), sides[1].values(), strict=True)
    return facts + [f"{name}: {a}, {b}" for (name, a), b in both if a != b]
