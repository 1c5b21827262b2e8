"""Guard: what arrivals say of the generator and of the system under test, in numbers.

In an open plan the load does not wait for answers, so a generator that cannot keep up shows in three places: arrivals
that begin late although a user is free, arrivals that are never begun although users are free or could be added, and
its CPU. Each of them makes a run INVALID. Arrivals that wait because as many users as the stage allows are at work wait
for the *system*: that is what the run is to measure, and a caveat with its numbers.
"""

from collections.abc import Iterator, Sequence

from harness.analysis.capacity import begun
from harness.analysis.leg_facts import LegFacts
from harness.analysis.summary import Summary
from harness.finding import Finding
from harness.plan.model import ARMS
from harness.plan.stages import StageKind
from harness.record.generation import Offered
from harness.record.leg import Leg, Window
from harness.verdict.search import search_disputes

LATE_MS, LATE_SHARE_OF_P50 = 5.0, 0.05


ADVICE = "lower the rate, set load.processes, or use a machine with more cores"


def allowed_lag_ms(p50_ms: float | None) -> float:
    """How late a generator may be at the 99th percentile: 5 ms, or a twentieth of a median where that is more."""
    return max(LATE_MS, LATE_SHARE_OF_P50 * (p50_ms or 0.0))


def broken_arrival_guards(summary: Summary, legs: Sequence[LegFacts]) -> Iterator[Finding]:
    """The guards of arrivals that broke in some legs, each with the numbers of the worst."""
    late = [(leg.leg, *found) for leg in legs if (found := _late(summary, leg))]
    if late:
        yield _schedule_late(*max(late, key=lambda found: found[1] / found[2]))
    missing = [(leg.leg, offered, window.users) for leg in legs for window, offered in _missing(leg)]
    yield from search_disputes(summary, legs)
    if missing:
        yield _arrivals_missing(*min(missing, key=lambda found: found[1].started / found[1].planned))


def _schedule_late(leg: Leg, lag_ms: float, allowed_ms: float) -> Finding:
    seen = f"in leg {leg.title} 1 % of the arrivals began {lag_ms:.1f} ms late or more (allowed are {allowed_ms:.1f})"
    return Finding("SCHEDULE_LATE", f"{seen}: the generator could not keep its own schedule", ADVICE)


def _arrivals_missing(leg: Leg, offered: Offered, users: int) -> Finding:
    begun = f"{offered.started:,} of {offered.planned:,} arrivals of {offered.stage} began"
    share = offered.started / offered.planned
    seen = f"in leg {leg.title} {begun} ({share:.1%}) with at most {offered.most_users:,} of {users:,} users at work"
    return Finding("ARRIVALS_MISSING", f"{seen}: the generator could not make the load", ADVICE)


def arrivals_waited(summary: Summary) -> Finding | None:
    """The caveat of arrivals of before and after that waited for a free user; ``None`` when none did."""
    waited, keys, dropped = [], [], 0
    for arm in ARMS:
        measured = [pair for leg in summary.legs if leg.leg.arm == arm for pair in _measured(leg)]
        kept = [(window, offered) for window, offered in measured if _waited(window, offered)]
        count = sum(_waited(window, offered) for window, offered in kept)
        waited.append(f"{arm} {count:,} of {sum(offered.planned for _, offered in measured):,}")
        dropped += sum(offered.dropped for window, offered in kept if _exhausted(window, offered))
        keys += [f"stages[{summary.stages.index(window.stage)}].users" for window, _ in kept]
    if not keys:
        return None
    never = f"; {dropped:,} of them were never begun and are in no latency" if dropped else ""
    seen = f"arrivals waited for a free user, as all that the plan allows were at work ({', '.join(waited)})"
    return Finding(
        "ARRIVALS_WAITED",
        f"{seen}: their wait is in the latency, service time stands beside it{never}",
        f"raise {' and '.join(sorted(set(keys)))} to ask more at once, or read the wait as what the service does to "
        "its callers",
    )


def stages_lacking_arrivals(summary: Summary) -> frozenset[str]:
    """The measured stages of which some leg of after lacks arrivals: their latencies are better than the service."""
    legs = [leg for leg in summary.legs if leg.leg.arm == ARMS[-1]]
    return frozenset(
        offered.stage for leg in legs for _, offered in _measured(leg) if not begun([offered], offered.stage)
    )


def _late(summary: Summary, leg: LegFacts) -> tuple[float, float] | None:
    """How late a leg's arrivals began at the 99th percentile and how late they may, ms; ``None`` where they may.

    Arrivals that wait for a user have no schedule lag: where some did, the event loop's lateness stands for it. What is
    allowed goes by service time and not by latency, which a late generator lengthens.
    """
    if leg.schedule_lag_p99_ms is None:
        return None
    unwatched = any(_waited(window, offered) for window, offered in leg.arrivals)
    lag = max(leg.schedule_lag_p99_ms, leg.lag_p99_ms) if unwatched else leg.schedule_lag_p99_ms
    row = summary.row(leg.leg.arm, leg.leg.block, None, None)
    allowed = allowed_lag_ms(row.value("service_p50") if row else None)
    return (lag, allowed) if lag > allowed else None


def _missing(leg: LegFacts) -> Iterator[tuple[Window, Offered]]:
    """Measured stages in which the generator, and not the system, kept arrivals from beginning.

    Where all users that the stage allows were at work, what did not begin waited for an answer, as before a frozen
    service; where users were free or could be added, only the generator can have been in the way.
    """
    for window, offered in _measured(leg):
        if not begun([offered], offered.stage) and not _exhausted(window, offered):
            yield window, offered


def _measured(leg: LegFacts) -> list[tuple[Window, Offered]]:
    return [(window, offered) for window, offered in leg.arrivals if window.kind != StageKind.RAMP]


def _exhausted(window: Window, offered: Offered) -> bool:
    return offered.most_users >= window.users


def _waited(window: Window, offered: Offered) -> int:
    """Arrivals that waited for the system: begun late, or never while all users were at work."""
    return offered.late + (offered.dropped if _exhausted(window, offered) else 0)
