"""Breach: a broken guard. What broke the measurement of a run, so that nothing can be said by it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from harness.answers.agreement import Agreement, NoAnswers, unanswered
from harness.generation import Loss
from harness.judging.evictions import StatementsEvicted
from harness.judging.guard import Guard, broken_guards
from harness.judging.noise import ArmsUnequal
from harness.measures.leg_facts import LegFacts
from harness.measures.settling import NeverSteady
from harness.measures.soundness import Unsound
from harness.plan import ARMS
from harness.summary import Summary
from harness.trial import Incident

BUSY_CPU_SHARE = 0.8


class Breach(Enum):
    """A broken guard: the measurement cannot be used."""

    NO_BLOCK = ("no block was completed", "run the plan again")
    NO_REQUESTS = ("a leg made no request", "check the user files: do their tasks send anything?")
    NOTHING_MEASURED = (
        "no request was due in a measured stage",
        "lengthen the stages or shorten their warm-up",
    )
    GENERATOR_BUSY = (
        f"the generator used more than {BUSY_CPU_SHARE:.0%} of a core: it was measuring itself",
        "ask for less load, or use a machine with more cores",
    )


@dataclass(frozen=True, slots=True)
class WorkerLost:
    """A broken guard that names who broke it; reads like a ``Breach``."""

    loss: Loss

    @property
    def name(self) -> str:
        """As of a member of ``Breach``."""
        return "WORKER_LOST"

    @property
    def value(self) -> tuple[str, str]:
        """What was seen, and what to do about it."""
        loss = self.loss
        return (
            f"{loss.worker} was lost {loss.second:.0f} s into leg {loss.leg}: {loss.how}",
            f"read logs/{loss.leg}.generator.log and the worker's own, and run the plan again",
        )


@dataclass(frozen=True, slots=True)
class ContainerStruck:
    """A broken guard that names a container which something happened to under load; reads like a ``Breach``."""

    incident: Incident

    @property
    def name(self) -> str:
        """As of a member of ``Breach``."""
        return "CONTAINER_STRUCK"

    @property
    def value(self) -> tuple[str, str]:
        """What was seen, and what to do about it."""
        struck = self.incident
        return (
            f"{struck.service} {struck.what} {struck.second:.0f} s into leg {struck.leg}: the leg measured that too",
            f"read logs/{struck.leg}.{struck.service}.log; raise its limits, or mend the service",
        )


@dataclass(frozen=True, slots=True)
class ServerRestarted:
    """A broken guard that names a server of this machine which began anew under load; reads like a ``Breach``."""

    incident: Incident

    @property
    def name(self) -> str:
        """As of a member of ``Breach``."""
        return "SERVER_RESTARTED"

    @property
    def value(self) -> tuple[str, str]:
        """What was seen, and what to do about it."""
        found = self.incident
        return (
            f"{found.service} {found.what} {found.second:.0f} s into leg {found.leg}: the leg measured that too",
            f"read logs/{found.service}.log, and run the plan again; to measure it, write it as a fault",
        )


AnyBreach = (
    Breach
    | WorkerLost
    | ContainerStruck
    | ServerRestarted
    | NeverSteady
    | ArmsUnequal
    | NoAnswers
    | Guard
    | Unsound
    | StatementsEvicted
)
"""Texts that stand alone, and those with the numbers of a run: all have a ``name`` and, as ``value``, two texts."""


def breaches_of(
    summary: Summary,
    losses: Sequence[Loss] = (),
    incidents: Sequence[Incident] = (),
    agreement: Agreement | None = None,
    unsound: Sequence[Unsound] = (),
) -> tuple[AnyBreach, ...]:
    """What broke in the legs of before and after, what was lost in any leg, and answers that are missing.

    Of what is ``unsound`` in several legs the first is told.
    """
    struck = [(ServerRestarted if one.restarted else ContainerStruck)(one) for one in incidents]
    unsteady = [NeverSteady(summary.settling)] if summary.settling.hopeless else []
    once = {found.name: found for found in reversed(unsound)}
    broke = (*map(WorkerLost, losses), *struck, *_of_summary(summary), *unsteady)
    return (*broke, *unanswered(agreement), *reversed(once.values()))


def _of_summary(summary: Summary) -> Iterator[Breach | Guard]:
    if not summary.legs:
        yield Breach.NO_BLOCK
        return
    yield from broken(summary, [leg for leg in summary.legs if leg.leg.arm in ARMS])


def broken(summary: Summary, legs: Sequence[LegFacts]) -> Iterator[Breach | Guard]:
    """The guards that broke in some legs."""
    if any(leg.requests == 0 for leg in legs):
        yield Breach.NO_REQUESTS
    elif any(summary.row(leg.leg.arm, leg.leg.block, None, None) is None for leg in legs):
        yield Breach.NOTHING_MEASURED
    if any(leg.cpu_share > BUSY_CPU_SHARE for leg in legs):
        yield Breach.GENERATOR_BUSY
    yield from broken_guards(summary, legs)
