"""Evictions: whether the server forgot counts of statements while they were being taken."""

from collections.abc import Sequence

from harness.analysis.summary import Summary
from harness.finding import Finding
from harness.metrics import Origin
from harness.plan.targets import Target


def statements_evicted(summary: Summary) -> Finding | None:
    """What the server forgot in the leg in which it forgot most; ``None`` where it kept all."""
    worst = max(summary.legs, key=lambda leg: leg.statements_evicted, default=None)
    if worst is None or not worst.statements_evicted:
        return None
    times = "once" if worst.statements_evicted == 1 else f"{worst.statements_evicted:,} times"
    seen = f"in leg {worst.leg.title} the server forgot counts of statements {times}, having seen more than it keeps"
    return Finding(
        "STATEMENTS_EVICTED",
        f"{seen}: work per request is too low",
        "raise pg_stat_statements.max, and restart the server; or have the service send its values as parameters",
    )


def decides(targets: Sequence[Target]) -> bool:
    """Whether a required target is judged by counts of statements, so that a run without them is no measurement."""
    return any(one.required and one.expectation.metric.origin is Origin.STATEMENTS for one in targets)
