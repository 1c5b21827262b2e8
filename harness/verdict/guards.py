"""Guards: the conditions of a valid measurement; where one is broken, the run is INVALID."""

from collections.abc import Iterator, Sequence

from harness.analysis.answers import ResponseAgreement, no_answer_findings
from harness.analysis.steady_state import unsteady_guard
from harness.analysis.summary import LegFacts, Summary
from harness.finding import Finding
from harness.plan.model import ARMS
from harness.record.generation import LostWorker
from harness.record.trial import Incident
from harness.verdict.arrivals import broken_arrival_guards

BUSY_CPU_SHARE = 0.8

NO_BLOCK = Finding("NO_BLOCK", "no block was completed", "run the plan again")
NO_REQUESTS = Finding("NO_REQUESTS", "a leg made no request", "check the user files: do their tasks send anything?")
NOTHING_MEASURED = Finding(
    "NOTHING_MEASURED", "no request was due in a measured stage", "lengthen the stages or shorten their warm-up"
)
GENERATOR_BUSY = Finding(
    "GENERATOR_BUSY",
    f"the load generator used more than {BUSY_CPU_SHARE:.0%} of a core: latencies include client-side delay",
    "reduce the load, or use a machine with more cores",
)


def broken_guards(
    summary: Summary,
    losses: Sequence[LostWorker] = (),
    incidents: Sequence[Incident] = (),
    agreement: ResponseAgreement | None = None,
    unsound: Sequence[Finding] = (),
) -> tuple[Finding, ...]:
    """The guards that broke in legs of before and after, lost workers and incidents of any leg, missing responses.

    A code of ``unsound`` that occurs in several legs is reported once.
    """
    legs = [leg for leg in summary.legs if leg.leg.arm in ARMS]
    own = broken_in_legs(summary, legs) if summary.legs else [NO_BLOCK]
    unsteady = [unsteady_guard(summary.settling)] if summary.settling.mostly_unsteady else []
    once = {found.code: found for found in reversed(unsound)}
    lost = (*map(_worker_lost, losses), *map(_incident, incidents))
    return (*lost, *own, *unsteady, *no_answer_findings(agreement), *reversed(once.values()))


def _worker_lost(loss: LostWorker) -> Finding:
    return Finding(
        "WORKER_LOST",
        f"{loss.worker} was lost {loss.second:.0f} s into leg {loss.leg}: {loss.how}",
        f"read logs/{loss.leg}.generator.log and the worker's own, and run the plan again",
    )


def _incident(incident: Incident) -> Finding:
    service, leg = incident.service, incident.leg
    seen = f"{service} {incident.what} {incident.second:.0f} s into leg {leg}: the measurement includes it"
    if incident.restarted:
        advice = f"read logs/{service}.log, and run the plan again; to measure it, write it as a fault"
        return Finding("SERVER_RESTARTED", seen, advice)
    return Finding("CONTAINER_STRUCK", seen, f"read logs/{leg}.{service}.log; raise its limits, or fix the service")


def broken_in_legs(summary: Summary, legs: Sequence[LegFacts]) -> Iterator[Finding]:
    """The guards that broke in some legs."""
    if any(leg.requests == 0 for leg in legs):
        yield NO_REQUESTS
    elif any(summary.row(leg.leg.arm, leg.leg.block, None, None) is None for leg in legs):
        yield NOTHING_MEASURED
    if any(leg.cpu_share > BUSY_CPU_SHARE for leg in legs):
        yield GENERATOR_BUSY
    yield from broken_arrival_guards(summary, legs)


def statements_evicted(summary: Summary) -> Finding | None:
    """The finding of ``pg_stat_statements`` entries that were evicted, with the worst leg; ``None`` without any."""
    worst = max(summary.legs, key=lambda leg: leg.statements_evicted, default=None)
    if worst is None or not worst.statements_evicted:
        return None
    times = "once" if worst.statements_evicted == 1 else f"{worst.statements_evicted:,} times"
    return Finding(
        "STATEMENTS_EVICTED",
        f"in leg {worst.leg.title} pg_stat_statements evicted entries {times}: database cost per request is too low",
        "raise pg_stat_statements.max and restart the server, or send values as parameters",
    )
