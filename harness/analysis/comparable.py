"""Comparable: whether two recorded runs measure the same thing, but for the releases that are to be told apart."""

from harness.plan.model import Plan
from harness.record.setup import Setup, differing_facts


def incomparable_facts(one: Setup, one_plan: Plan, other: Setup, other_plan: Plan) -> list[str]:
    """What two runs must share to be comparable and do not, each as ``name: one, other``, or as what it means.

    Targets, claims, the number of blocks and the arms may differ: they are what is asked, how often, and of whom.
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
