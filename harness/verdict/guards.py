"""Guards, which make a run INVALID, and legs that a limit of the plan (``[[aborts]]``) ended early.

Neither such a leg nor its block is judged; their samples stay in the run folder. Its guards count: an overloaded
generator breaks limits by itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.analysis.answers import ResponseAgreement, no_answer_findings
from harness.analysis.steady_state import unsteady_guard
from harness.analysis.summary import LegFacts, Summary, summarise
from harness.finding import Finding
from harness.metrics import Unit
from harness.plan.aborts import parse_abort
from harness.plan.model import ARMS
from harness.record.generation import Aborted, LostWorker
from harness.record.leg import Leg
from harness.record.outcome import Outcome
from harness.record.trial import Incident, Trial
from harness.verdict.arrivals import broken_arrival_guards

BUSY_CPU_SHARE = 0.8
PERCENT = 100

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


@dataclass(frozen=True, slots=True)
class AbortedLeg:
    """A leg that was ended early; ``breaches`` are the guards that broke in it."""

    leg: Leg
    aborted: Aborted
    breaches: tuple[Finding, ...] = ()

    @classmethod
    def of(cls, trial: Trial) -> "AbortedLeg":
        """The abort of a trial and its broken guards; ``ValueError`` when the trial was not aborted."""
        if trial.generation.aborted is None:
            raise ValueError(f"leg {trial.leg.title} was not ended early")
        summary = summarise([trial])
        found = broken_in_legs(summary, summary.legs)
        breaches = tuple(one for one in found if one != NOTHING_MEASURED)  # it may have ended in its ramp
        return cls(trial.leg, trial.generation.aborted, breaches)

    @property
    def outcome(self) -> Outcome:
        """FAIL where after broke the limit; in another arm it shows nothing about the migration."""
        return Outcome.FAIL if self.leg.arm == ARMS[-1] else Outcome.INCONCLUSIVE

    @property
    def summary(self) -> str:
        """The limit, its place, the value that broke it and when, in one line."""
        aborted, metric = self.aborted, parse_abort(self.aborted.when).metric
        place = ", ".join(part for part in (aborted.stage, aborted.endpoint) if part)
        in_percent = metric.unit is Unit.FRACTION
        number, unit = (aborted.value * PERCENT, "%") if in_percent else (aborted.value, metric.unit)
        value = f"{number:,.0f} {unit}" if number >= PERCENT else f"{number:.3g} {unit}"
        limit = f"{aborted.when} ({place})" if place else aborted.when
        return f"{self.leg.arm} broke {limit} with {value}, {aborted.second:.0f} s into leg {self.leg.title}"

    @property
    def finding(self) -> Finding:
        return Finding(
            "ABORTED",
            f"the run was aborted: {self.summary}",
            "read the logs of the services in logs/; raise the limit only where it is no danger",
        )
