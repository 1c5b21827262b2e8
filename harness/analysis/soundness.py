"""Soundness: whether the record of a run is possible and complete, and its load that of the plan.

Each guard here makes a run INVALID.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.analysis.statuses import Statuses, pooled_statuses, statuses_of
from harness.finding import Finding
from harness.plan.model import ARMS, Plan
from harness.plan.stages import Stage, StageKind
from harness.record.leg import Leg, Window, windows_of
from harness.record.readings import of_generator
from harness.record.samples import endpoints, succeeded
from harness.record.setup import Setup, facts_of_setup
from harness.record.trial import Moment, Seal, Trial

EARLY_SECONDS, SLACK_NS = 10.0, 50_000_000
"""Open-loop users start before the first arrival is due; some clients use the wall clock."""
GRACE_SECONDS = 60.0
TWICE_SHARE, OUTSIDE_SHARE, ERRORS_SHARE = 0.01, 0.5, 0.01
USERS_SHARE = 0.99
MAX_PAUSE_MS, PAUSE_SHARE = 250.0, 0.01
MIN_EXPECTED = 20  # where at least this many requests are expected, zero is not chance
STEP_SECONDS, DRIFT = 1.0, 1e-3  # tolerances: two clocks read one after the other, and a clock that is being slewed
RUN_AGAIN = "run the plan again"


def record_findings(
    setup: Setup, recorded: Sequence[Leg], seals: Mapping[str, Seal], changed: Sequence[str], *, plan_fingerprint: str
) -> Iterator[Finding]:
    """Broken guards of the record as a whole, of the legs ``recorded``.

    ``seals`` are by the leg in whose folder they are, empty for runs older than seals; ``changed`` are the files that
    differ from them; ``plan_fingerprint`` is that of the plan as it is now.
    """
    if plan_fingerprint != setup.plan_fingerprint:
        seen = f"plan.toml was edited after the run: it is {plan_fingerprint}, and {setup.plan_fingerprint} was run"
        yield Finding("PLAN_EDITED", seen, "bring the plan back as it was, or run the one you mean")
    others = [what for what in changed if not what.startswith("plan.toml ")]
    if others:
        more = f", and {len(others) - 1} more" if len(others) > 1 else ""
        seen = f"the record is not as it was left: {others[0]}{more}"
        yield Finding("RECORD_CHANGED", seen, f"bring it back from a copy, or {RUN_AGAIN}")
    if setup.sealed and recorded and not seals:
        yield Finding("RECORD_CHANGED", "the seals of all legs are missing", f"bring them back, or {RUN_AGAIN}")
    yield from _misplaced(setup, recorded, seals)
    yield from _changed_setup(setup, seals)
    yield from _stepped(setup, [seals[leg.title] for leg in recorded if leg.title in seals])


def leg_findings(plan: Plan, trial: Trial, seal: Seal | None = None) -> Iterator[Finding]:
    """Broken guards of one leg; legs of steps are only checked for impossible records."""
    yield from _other_stages(trial, windows_of(plan.stages))
    yield from _impossible(trial, plan.seconds + plan.load.stop_seconds + GRACE_SECONDS)
    yield from _origin_elsewhere(trial, seal)
    if trial.leg.arm in ARMS:
        yield from _outside(trial)
        yield from _few_users(trial, plan.stages)
        yield from _broken_users(trial)
        yield from _still(trial)


def pause_quantile_ms(pauses_ms: NDArray[np.float64], seconds: float, share: float = PAUSE_SHARE) -> float:
    """The wait at a random moment for the end of a pause, exceeded with probability ``share``.

    With pauses F in a time T, P(wait > x) = sum(max(F - x, 0)) / T.
    Source: PASTA (Wolff 1982, Poisson arrivals see time averages), solved for x.
    """
    longest = np.sort(pauses_ms)[::-1]
    sums = np.cumsum(longest)
    waits = (sums - share * seconds * 1000) / np.arange(1, len(longest) + 1)
    return float(np.max(waits, initial=0.0))


def _misplaced(setup: Setup, recorded: Sequence[Leg], seals: Mapping[str, Seal]) -> Iterator[Finding]:
    legs, first = setup.legs, setup.first_legs
    if setup.legs_planned != len(first):
        seen = f"setup.json plans {setup.legs_planned} legs and names {len(first)}"
        yield Finding("LEGS_MISSING", seen, RUN_AGAIN)
    there = {leg.number for leg in recorded}
    if missing := [leg for leg in legs if leg.number not in there and leg.number < max(there, default=0)]:
        seen = f"the record of leg {missing[0].title} is missing or has no end, and legs after it were measured"
        yield Finding("LEGS_MISSING", seen, f"bring it back from a copy, or {RUN_AGAIN}")
    for title, seal in seals.items():
        if seal.leg != title:
            seen = f"what is in the folder of leg {title} is the record of leg {seal.leg}"
            yield Finding("LEG_MISPLACED", seen, f"put the folders back, or {RUN_AGAIN}")
            return


def _changed_setup(setup: Setup, seals: Mapping[str, Seal]) -> Iterator[Finding]:
    before = facts_of_setup(setup.host, setup.users_fingerprint)
    for title, name, now in ((title, *fact) for title, seal in seals.items() for fact in seal.facts.items()):
        if before.get(name, now) != now:
            seen = f"{name} was {before[name]} when the run began, and {now} in leg {title}: the setups do not match"
            yield Finding("SETUP_CHANGED", seen, "leave machine and files alone while a plan runs, and run it again")
            return


def _stepped(setup: Setup, seals: Sequence[Seal]) -> Iterator[Finding]:
    """Wall clock against monotonic clock through all legs, and the start of the setup before them."""
    moments = [(f"in leg {seal.leg}", seal.begun, seal.ended) for seal in seals]
    moments += [(f"between legs {one.leg} and {two.leg}", one.ended, two.begun) for one, two in pairwise(seals)]
    steps = [(where, _step(one, two)) for where, one, two in moments]
    early = seals[0].begun.wall - datetime.fromisoformat(setup.started).timestamp() if seals else 0.0
    if early < -STEP_SECONDS:
        steps.append(("before the first leg", early))
    for where, step in steps:
        if step:
            seen = f"the clock of this machine was set {where}, by {step:+.1f} s: when was what is not known"
            yield Finding("CLOCK_STEPPED", seen, "let the clock run while a plan runs, and run it again")
            return


def _step(one: Moment, two: Moment) -> float:
    """Seconds by which the wall clock advanced more than the monotonic one; 0 within the tolerance."""
    passed = two.monotonic - one.monotonic
    step = two.wall - one.wall - passed
    if passed < 0:
        return passed
    return step if abs(step) > STEP_SECONDS + DRIFT * passed else 0.0


def _origin_elsewhere(trial: Trial, seal: Seal | None) -> Iterator[Finding]:
    """A wall-clock origin outside the leg."""
    if seal is None:
        return
    origin = datetime.fromisoformat(trial.generation.origin).timestamp()
    if not seal.begun.wall - STEP_SECONDS <= origin <= seal.ended.wall + STEP_SECONDS:
        seen = (
            f"leg {trial.leg.title} has its origin {origin - seal.begun.wall:+.1f} s from its start: "
            "a clock was set, or the record is of another time"
        )
        yield Finding("CLOCK_STEPPED", seen, "let the clocks run while a plan runs, and run it again")


def _other_stages(trial: Trial, windows: tuple[Window, ...]) -> Iterator[Finding]:
    """Stages that are not those of the plan; a search may end early and shift later stages."""
    ran, kinds = trial.generation.windows, [(window.stage, window.kind, window.users) for window in windows]
    searched = trial.generation.searched is not None
    if ran != windows and not (searched and [(window.stage, window.kind, window.users) for window in ran] == kinds):
        seen = f"the stages that leg {trial.leg.title} ran are not those of the plan"
        yield Finding("STAGES_DIFFER", seen, f"bring the record back as it was, or {RUN_AGAIN}")


def _impossible(trial: Trial, latest_seconds: float) -> Iterator[Finding]:
    """Impossible times and counts, and duplicate samples."""
    samples, title = trial.samples, trial.leg.title
    if not len(samples):
        return
    due, sent, duration = (samples[name].to_numpy() for name in ("due_ns", "sent_ns", "duration_ns"))
    latest_ns = latest_seconds * 1e9
    db_ms, queries = (samples[name].drop_null().to_numpy() for name in ("db_ms", "queries"))
    found = {
        "a negative duration": duration < 0,
        "a time of sending before the request was due": sent < due - SLACK_NS,
        f"a time before the load or more than {latest_seconds:.0f} s after its beginning": (
            (due < -EARLY_SECONDS * 1e9) | (due > latest_ns) | (sent + duration > latest_ns)
        ),
        "a database time that is negative": db_ms < 0,
        "a negative number of queries": queries < 0,
    }
    for what, where in found.items():
        if count := int(np.count_nonzero(where)):
            seen = f"{count:,} of {len(samples):,} samples of leg {title} have {what}, which cannot be"
            yield Finding("SAMPLES_IMPOSSIBLE", seen, RUN_AGAIN)
    keys = np.sort(sent * 1_000_003 + duration)  # wraps around; two requests of one process never share both
    if (twice := int(np.count_nonzero(keys[1:] == keys[:-1]))) > TWICE_SHARE * len(keys):
        seen = f"{twice:,} of {len(samples):,} samples of leg {title} are there twice"
        yield Finding("SAMPLES_TWICE", seen, f"bring the record back as it was, or {RUN_AGAIN}")


def _outside(trial: Trial) -> Iterator[Finding]:
    due, windows = trial.samples["due_ns"].to_numpy(), trial.generation.windows
    outside = int(np.count_nonzero((due < 0) | (due >= windows[-1].end * 1e9))) if windows else len(due)
    if outside > OUTSIDE_SHARE * len(due):
        seen = f"{outside:,} of {len(due):,} requests of leg {trial.leg.title} were due outside of all stages"
        advice = "see that users pause between tasks and do not go on in one task when the load is over"
        yield Finding("SAMPLES_OUTSIDE", seen, advice)


def _few_users(trial: Trial, stages: Sequence[Stage]) -> Iterator[Finding]:
    series = _of_generator(trial, "users")
    for stage, window in zip(stages, trial.generation.windows, strict=False):
        if stage.rate is not None or stage.kind is StageKind.RAMP or not series:
            continue
        begin = max(window.measured_from, window.start + stage.climb_seconds) + 1
        inside = [value[(begin <= when) & (when < window.end)] for when, value in series]
        if not all(len(part) for part in inside):
            continue  # a stage of a second
        there = sum(float(np.median(part)) for part in inside)
        if there < USERS_SHARE * stage.users:
            seen = f"in leg {trial.leg.title} {there:,.0f} of {stage.users:,} users were there in {window.stage}"
            advice = "see logs/*.generator.log; users must not stop themselves, nor end by an exception in wait_time"
            yield Finding("USERS_MISSING", f"{seen}: it was not the load of the plan", advice)
            return


def _broken_users(trial: Trial) -> Iterator[Finding]:
    errors, requests = trial.generation.user_errors, trial.generation.requests
    if requests and errors > ERRORS_SHARE * requests:
        seen = f"in leg {trial.leg.title} users raised {errors:,} exceptions beside {requests:,} requests"
        advice = "read the tracebacks in logs/*.generator.log, and fix the user files or what they rely on"
        yield Finding("USERS_BROKE", f"{seen}: their further requests are missing from the load", advice)


def _still(trial: Trial) -> Iterator[Finding]:
    """A generator that paused, so that requests were not sent or were late."""
    for at, pauses in _of_generator(trial, "loop_lag_ms"):
        end = trial.generation.windows[-1].end if trial.generation.windows else math.inf
        inside = pauses[(at >= 0) & (at < end + 1)]
        seen_ms = pause_quantile_ms(inside, len(inside))
        if seen_ms > MAX_PAUSE_MS and seen_ms > _median_ms(trial):
            seen = (
                f"in leg {trial.leg.title} the generator stood still: who came at a random moment waited "
                f"{seen_ms:,.0f} ms or more in 1 % of the time (allowed are {MAX_PAUSE_MS:.0f})"
            )
            advice = (
                "let users do nothing that blocks the process, leave the machine to the run, or use one with more cores"
            )
            yield Finding("GENERATOR_STILL", seen, advice)
            return


def _median_ms(trial: Trial) -> float:
    good = succeeded(trial.samples)
    durations = trial.samples["duration_ns"].to_numpy()[good]
    return float(np.median(durations)) / 1e6 if len(durations) else 0.0


def _of_generator(trial: Trial, name: str) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Seconds and values of a reading, for each generator process that has it."""
    readings = trial.readings
    if not len(readings):
        return []
    sources, names = (np.array(readings[column].cast(pa.string()).to_pylist(), object) for column in ("source", "name"))
    at, values = readings["at_ns"].to_numpy() / 1e9, readings["value"].to_numpy()
    chosen = [(sources == source) & (names == name) for source in sorted(set(sources)) if of_generator(source)]
    return [(at[one], values[one]) for one in chosen if one.any()]


def _endpoint_findings(requested: Mapping[Leg, Mapping[str, int]]) -> Iterator[Finding]:
    """A leg without an endpoint that the other legs of its arm request often; requests are by leg and endpoint."""
    for leg, own in requested.items():
        others = [found for other, found in requested.items() if other.arm == leg.arm and other != leg]
        total = sum(sum(found.values()) for found in others)
        for endpoint in sorted({name for found in others for name in found} - own.keys()):
            expected = sum(own.values()) * sum(found.get(endpoint, 0) for found in others) / max(total, 1)
            if expected >= MIN_EXPECTED:
                seen = (
                    f"leg {leg.title} has no request of {endpoint}, and by the other legs of {leg.arm} "
                    f"about {expected:,.0f} were to be expected"
                )
                yield Finding("LEGS_DIFFER", seen, "see that users do the same in every leg, and run the plan again")
                return


def _endpoints_of(trial: Trial) -> dict[str, int]:
    codes, names = endpoints(trial.samples)
    counts = np.bincount(codes, minlength=len(names))
    return {name: int(count) for name, count in zip(names, counts, strict=True) if count}


@dataclass(slots=True)
class SoundnessChecks:
    """Collects findings and statuses of trials on their way to the summary; ``seals`` are by leg."""

    plan: Plan
    seals: Mapping[str, Seal] = field(default_factory=dict)
    _found: list[Finding] = field(default_factory=list)
    _requested: dict[Leg, dict[str, int]] = field(default_factory=dict)
    _replies: list[Statuses] = field(default_factory=list)

    def watched(self, trials: Iterable[Trial]) -> Iterator[Trial]:
        """The same trials, each checked when it is consumed."""
        for trial in trials:
            self._found += leg_findings(self.plan, trial, self.seals.get(trial.leg.title))
            if trial.leg.arm in ARMS:
                self._requested[trial.leg] = _endpoints_of(trial)
                self._replies += statuses_of(trial)
            yield trial

    @property
    def unsound(self) -> list[Finding]:
        """Broken guards of single legs and between the legs of an arm."""
        return [*self._found, *_endpoint_findings(self._requested)]

    @property
    def replies(self) -> list[Statuses]:
        places = dict.fromkeys((one.arm, one.endpoint) for one in self._replies)
        return [pooled_statuses(self._replies, arm, endpoint) for arm, endpoint in places]
