"""Examination: looks at each trial on its way to the summary, and keeps what guards and proofs need to know of it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from harness.analysis.soundness import RequestedEndpoints, endpoints_of, endpoint_findings, leg_findings
from harness.analysis.statuses import Statuses, statuses_of, pooled_statuses
from harness.finding import Finding
from harness.plan.model import ARMS, Plan
from harness.record.trial import Seal, Trial


@dataclass(slots=True)
class SoundnessChecks:
    """What was seen so far of the trials of a plan; ``seals`` are by leg."""

    plan: Plan
    seals: Mapping[str, Seal] = field(default_factory=dict)
    _found: list[Finding] = field(default_factory=list)
    _asked: list[RequestedEndpoints] = field(default_factory=list)
    _replies: list[Statuses] = field(default_factory=list)

    def watched(self, trials: Iterable[Trial]) -> Iterator[Trial]:
        """The same trials, each examined when it is asked for."""
        for trial in trials:
            self._found += leg_findings(self.plan, trial, self.seals.get(trial.leg.title))
            if trial.leg.arm in ARMS:
                self._asked.append(RequestedEndpoints(trial.leg, endpoints_of(trial)))
                self._replies += statuses_of(trial)
            yield trial

    @property
    def unsound(self) -> list[Finding]:
        """What is wrong with the legs, each for itself and beside the others of its arm."""
        return [*self._found, *endpoint_findings(self._asked)]

    @property
    def replies(self) -> list[Statuses]:
        """What was answered, by arm and endpoint."""
        places = dict.fromkeys((one.arm, one.endpoint) for one in self._replies)
        return [pooled_statuses(self._replies, arm, endpoint) for arm, endpoint in places]
