"""Guards and caveats about the arrivals of open-loop load.

Open-loop load does not wait for responses. A generator that cannot keep up shows in three places: arrivals start late
although a user is free, arrivals never start although users are free or could be added, and its CPU. Each makes a run
INVALID. Arrivals that wait because all users of the stage are busy wait for the system under test: a caveat.
"""

from collections.abc import Iterator, Sequence

from harness.analysis.capacity import arrivals_started
from harness.analysis.summary import LegFacts, Summary
from harness.finding import Finding
from harness.plan.model import ARMS
from harness.plan.search import Ending, TryOutcome
from harness.plan.stages import StageKind
from harness.record.generation import OfferedLoad
from harness.record.leg import Window

LATE_MS, LATE_SHARE_OF_P50 = 5.0, 0.05
ADVICE = "lower the rate, set load.processes, or use a machine with more cores"


def allowed_lag_ms(p50_ms: float | None) -> float:
    """The scheduling delay that a generator may have at the 99th percentile: 5 ms, or 5 % of a median if larger."""
    return max(LATE_MS, LATE_SHARE_OF_P50 * (p50_ms or 0.0))


def broken_arrival_guards(summary: Summary, legs: Sequence[LegFacts]) -> Iterator[Finding]:
    """The guards of arrivals that broke in some legs, each with the numbers of the worst leg."""
    late = [(leg.leg, *found) for leg in legs if (found := _late(summary, leg))]
    if late:
        leg, lag_ms, allowed_ms = max(late, key=lambda found: found[1] / found[2])
        seen = f"in leg {leg.title} 1 % of the arrivals started {lag_ms:.1f} ms late or more"
        why = f"(limit {allowed_ms:.1f} ms): the load generator fell behind schedule"
        yield Finding("SCHEDULE_LATE", f"{seen} {why}", ADVICE)
    missing = [(leg.leg, offered, window.users) for leg in legs for window, offered in _missing(leg)]
    yield from search_disputes(summary, legs)
    if missing:
        leg, offered, users = min(missing, key=lambda found: found[1].started / found[1].planned)
        started = f"{offered.started:,} of {offered.planned:,} arrivals of {offered.stage} started"
        share = offered.started / offered.planned
        seen = f"in leg {leg.title} {started} ({share:.1%}); peak users {offered.most_users:,} of {users:,}"
        yield Finding("ARRIVALS_MISSING", f"{seen}: the generator could not make the load", ADVICE)


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
    never = f"; {dropped:,} never started and are in no latency" if dropped else ""
    return Finding(
        "ARRIVALS_WAITED",
        f"arrivals waited for a free user because all users of the plan were busy ({', '.join(waited)}): "
        f"response time includes the wait, service time does not{never}",
        f"raise {' and '.join(sorted(set(keys)))} for more concurrency, or treat the wait as part of the latency",
    )


def stages_lacking_arrivals(summary: Summary) -> frozenset[str]:
    """The measured stages in which a leg of after lacks arrivals, so that its latencies look too good."""
    legs = [leg for leg in summary.legs if leg.leg.arm == ARMS[-1]]
    return frozenset(
        offered.stage for leg in legs for _, offered in _measured(leg) if not arrivals_started([offered], offered.stage)
    )


def _late(summary: Summary, leg: LegFacts) -> tuple[float, float] | None:
    """The scheduling delay of a leg at the 99th percentile and its limit, ms; ``None`` within the limit.

    Arrivals that wait for a user have no scheduling delay: where some did, the delay of the event loop counts too. The
    limit depends on service time, because a late generator lengthens the response time.
    """
    if leg.schedule_lag_p99_ms is None:
        return None
    unwatched = any(_waited(window, offered) for window, offered in leg.arrivals)
    lag = max(leg.schedule_lag_p99_ms, leg.lag_p99_ms) if unwatched else leg.schedule_lag_p99_ms
    row = summary.row(leg.leg.arm, leg.leg.block, None, None)
    allowed = allowed_lag_ms(row.value("service_p50") if row else None)
    return (lag, allowed) if lag > allowed else None


def _missing(leg: LegFacts) -> Iterator[tuple[Window, OfferedLoad]]:
    """Measured stages in which the generator, not the system under test, kept arrivals from starting.

    Where all users of the stage were busy, arrivals waited for a response (a frozen service, for example).
    """
    for window, offered in _measured(leg):
        if not arrivals_started([offered], offered.stage) and not _exhausted(window, offered):
            yield window, offered


def _measured(leg: LegFacts) -> list[tuple[Window, OfferedLoad]]:
    return [(window, offered) for window, offered in leg.arrivals if window.kind != StageKind.RAMP]


def _exhausted(window: Window, offered: OfferedLoad) -> bool:
    return offered.most_users >= window.users


def _waited(window: Window, offered: OfferedLoad) -> int:
    """Arrivals that waited for the system: late, or never started while all users were busy."""
    return offered.late + (offered.dropped if _exhausted(window, offered) else 0)


TRY_OUTCOMES = {TryOutcome.HELD: "held", TryOutcome.MISSED: "not held", TryOutcome.VOID: "not decided"}
ENDS = {
    Ending.MOST: ("held the largest load allowed: a lower bound", "raise the to of the search"),
    Ending.LEAST: ("did not hold the smallest load allowed: an upper bound", "lower the from of the search"),
    Ending.TIME: (
        "ran out of time: the capacity is less precise than planned, or a lower bound",
        "raise the seconds of the stage, or lower its try_seconds",
    ),
    Ending.GENERATOR: (
        "was limited by the generator: the capacity is a lower bound, or less precise than planned",
        "give the generator cores of its own, or search at lower loads",
    ),
}


def search_disputes(summary: Summary, legs: Sequence[LegFacts]) -> Iterator[Finding]:
    """The broken guard of the first try whose samples contradict the decision of the search, in some legs."""
    known = {leg.leg for leg in legs}
    found = [(one.leg, tried) for one in summary.searches if one.leg in known for tried in one.disputed]
    for leg, tried in found[:1]:
        decision = f"in leg {leg.title} the search counted {tried.load:.10g} per second as {TRY_OUTCOMES[tried.word]}"
        yield Finding("SEARCH_DISPUTED", f"{decision}, but its recorded samples differ", "measure this run again")


def search_ends(summary: Summary) -> Iterator[Finding]:
    """The caveats of searches of before and after that ended without the planned bracket, each ending once."""
    for ended, (what, advice) in ENDS.items():
        legs = {arm: [one.ended is ended for one in summary.searches if one.leg.arm == arm] for arm in ARMS}
        if listed := ", ".join(f"{arm} {sum(ends)} of {len(ends)} legs" for arm, ends in legs.items() if any(ends)):
            yield Finding(f"SEARCH_ENDED_{ended.name}", f"a search {what} ({listed})", advice)
