"""Breach: a broken guard. What broke the measurement of a run, so that nothing can be said by it."""

from collections.abc import Iterator, Sequence

from harness.analysis.answers import ResponseAgreement, unanswered
from harness.analysis.leg_facts import LegFacts
from harness.analysis.settling import never_steady
from harness.analysis.summary import Summary
from harness.finding import Finding
from harness.plan.model import ARMS
from harness.record.generation import LostWorker
from harness.record.trial import Incident
from harness.verdict.arrivals import broken_arrival_guards

BUSY_CPU_SHARE = 0.8

NO_BLOCK = Finding("NO_BLOCK", "no block was completed", "run the plan again")
NO_REQUESTS = Finding("NO_REQUESTS", "a leg made no request", "check the user files: do their tasks send anything?")
NOTHING_MEASURED = Finding(
    "NOTHING_MEASURED",
    "no request was due in a measured stage",
    "lengthen the stages or shorten their warm-up",
)
GENERATOR_BUSY = Finding(
    "GENERATOR_BUSY",
    f"the generator used more than {BUSY_CPU_SHARE:.0%} of a core: it was measuring itself",
    "ask for less load, or use a machine with more cores",
)


def broken_guards(
    summary: Summary,
    losses: Sequence[LostWorker] = (),
    incidents: Sequence[Incident] = (),
    agreement: ResponseAgreement | None = None,
    unsound: Sequence[Finding] = (),
) -> tuple[Finding, ...]:
    """What broke in the legs of before and after, what was lost in any leg, and answers that are missing.

    Of what is ``unsound`` in several legs the first is told.
    """
    lost = (*map(_worker_lost, losses), *map(_struck, incidents))
    unsteady = [never_steady(summary.settling)] if summary.settling.hopeless else []
    once = {found.code: found for found in reversed(unsound)}
    return (*lost, *_of_summary(summary), *unsteady, *unanswered(agreement), *reversed(once.values()))


def _worker_lost(loss: LostWorker) -> Finding:
    return Finding(
        "WORKER_LOST",
        f"{loss.worker} was lost {loss.second:.0f} s into leg {loss.leg}: {loss.how}",
        f"read logs/{loss.leg}.generator.log and the worker's own, and run the plan again",
    )


def _struck(incident: Incident) -> Finding:
    """Something that happened under load to a container, or to a server of this machine."""
    service, leg = incident.service, incident.leg
    seen = f"{service} {incident.what} {incident.second:.0f} s into leg {leg}: the leg measured that too"
    if incident.restarted:
        advice = f"read logs/{service}.log, and run the plan again; to measure it, write it as a fault"
        return Finding("SERVER_RESTARTED", seen, advice)
    advice = f"read logs/{leg}.{service}.log; raise its limits, or mend the service"
    return Finding("CONTAINER_STRUCK", seen, advice)


def _of_summary(summary: Summary) -> Iterator[Finding]:
    if not summary.legs:
        yield NO_BLOCK
        return
    yield from broken_in_legs(summary, [leg for leg in summary.legs if leg.leg.arm in ARMS])


def broken_in_legs(summary: Summary, legs: Sequence[LegFacts]) -> Iterator[Finding]:
    """The guards that broke in some legs."""
    if any(leg.requests == 0 for leg in legs):
        yield NO_REQUESTS
    elif any(summary.row(leg.leg.arm, leg.leg.block, None, None) is None for leg in legs):
        yield NOTHING_MEASURED
    if any(leg.cpu_share > BUSY_CPU_SHARE for leg in legs):
        yield GENERATOR_BUSY
    yield from broken_arrival_guards(summary, legs)
