"""Legs that a limit of the plan (``[[aborts]]``) ended early.

Neither such a leg nor its block is judged; their samples stay in the run folder. Its guards count: an overloaded
generator breaks limits by itself.
"""

from dataclasses import dataclass

from harness.analysis.summary import summarise
from harness.finding import Finding
from harness.metrics import Unit
from harness.plan.aborts import parse_abort
from harness.plan.model import ARMS
from harness.record.generation import Aborted
from harness.record.leg import Leg
from harness.record.outcome import Outcome
from harness.record.trial import Trial
from harness.verdict.guards import NOTHING_MEASURED, broken_in_legs

PERCENT = 100


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
