"""Evictions: whether the server forgot counts of statements while they were being taken."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.leg import Leg
from harness.metric import Origin
from harness.parts.target import Target
from harness.summary import Summary


@dataclass(frozen=True, slots=True)
class StatementsEvicted:
    """Counts of statements that a server forgot; reads like a ``Breach``, and like a ``Doubt``."""

    leg: Leg
    times: int

    @property
    def name(self) -> str:
        """As of a member of ``Breach``."""
        return "STATEMENTS_EVICTED"

    @property
    def value(self) -> tuple[str, str]:
        """What was seen, and what to do about it."""
        times = "once" if self.times == 1 else f"{self.times:,} times"
        seen = f"in leg {self.leg.title} the server forgot counts of statements {times}, having seen more than it keeps"
        return (
            f"{seen}: work per request is too low",
            "raise pg_stat_statements.max, and restart the server; or have the service send its values as parameters",
        )


def evicted(summary: Summary) -> StatementsEvicted | None:
    """What the server forgot in the leg in which it forgot most; ``None`` where it kept all."""
    worst = max(summary.legs, key=lambda leg: leg.statements_evicted, default=None)
    return StatementsEvicted(worst.leg, worst.statements_evicted) if worst and worst.statements_evicted else None


def decides(targets: Sequence[Target]) -> bool:
    """Whether a required target is judged by counts of statements, so that a run without them is no measurement."""
    return any(one.required and one.expectation.metric.origin is Origin.STATEMENTS for one in targets)
