"""Recovery: failures, detection time and recovery time after each fault of a leg.

A second is disturbed when its failure share exceeds twice the baseline (at least 1 %), when more than half of its
requests take more than twice the baseline P95, or when no request is due while one waits through all of it. The
baseline is measured from the start of the fault's stage to the fault, or from the start of the load where that has too
few requests, without seconds disturbed by an earlier fault. Requests belong to the second in which they were due.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.metrics import PERCENTILES
from harness.plan.faults import Fault
from harness.record.leg import Leg
from harness.record.readings import FAULT
from harness.record.samples import latency_ms, succeeded
from harness.record.trial import Trial
from harness.statistics.percentiles import percentile

Reading = tuple[float, str, str, float]  # seconds since the leg's origin, source, name, value
BASELINE_ERRORS = 0.01
SLOW = 2.0
MIN_BASELINE = 59  # fewer requests before a fault cannot bound their P95
CALM_SECONDS = 3.0  # a disturbance this close to the end of the observation counts as not recovered


@dataclass(frozen=True, slots=True)
class Recovery:
    """The effect of one fault in one leg, in seconds.

    ``noticed_after``: from the start to the first change of its ``signal``; a lower bound unless ``noticed``; ``None``
    where the signal was not read.
    """

    leg: Leg
    fault: Fault
    began: float  # since the leg's origin
    ended: float  # the end of the fault, or of the load
    failures: int  # failed requests due between the start of the fault and recovery
    failed_after: float | None  # from the start to the first failure; ``None`` without one
    noticed_after: float | None
    noticed: bool
    calmed_after: float | None  # from the end until the signal was back; ``None`` where it was not, or had not changed
    recovered_after: float  # from the end to the end of the last disturbed second; a lower bound unless ``recovered``
    recovered: bool
    watched: float  # seconds of load after the end, up to the next fault


@dataclass(frozen=True, slots=True)
class _Requests:
    """The requests of a leg: due (s), failed, latency (ms), and whether they are usable as baseline."""

    due: NDArray[np.float64]
    failed: NDArray[np.bool_]
    latency: NDArray[np.float64]
    calm: NDArray[np.bool_]

    def between(self, begin: float, end: float) -> NDArray[np.bool_]:
        return (self.due >= begin) & (self.due < end)


def recoveries_of(trial: Trial, faults: Sequence[Fault]) -> Iterator[Recovery]:
    """The effects of each fault of a leg, in order of time."""
    if not faults:
        return
    readings = [(row["at_ns"] / 1e9, row["source"], row["name"], row["value"]) for row in trial.readings.to_pylist()]
    end = max((window.end for window in trial.generation.windows), default=0.0)
    due = trial.samples["due_ns"].to_numpy() / 1e9
    failed = ~succeeded(trial.samples)
    requests = _Requests(due, failed, latency_ms(trial.samples), np.ones(len(due), dtype=bool))
    faults_of_leg = sorted(_recorded_faults(readings, faults, end), key=lambda one: one[1])
    for number, (fault, began, ended) in enumerate(faults_of_leg):
        following = [begin for _, begin, _ in faults_of_leg[number + 1 :] if begin > ended]
        found = _recovery(trial, requests, readings, fault, (began, ended, min([*following, end])))
        requests.calm[requests.between(began, ended + found.recovered_after)] = False
        yield found


def _recorded_faults(
    readings: Sequence[Reading], faults: Sequence[Fault], end: float
) -> Iterator[tuple[Fault, float, float]]:
    """Each fault with the recorded seconds of its start and end."""
    recorded: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for at, source, name, value in readings:
        if name.startswith(FAULT):
            moments = recorded.setdefault((source, name), [])
            if value:
                moments.append((at, end))
            elif moments:
                moments[-1] = (moments[-1][0], at)
    for fault in faults:
        moments = recorded.get((fault.service, f"{FAULT}{fault.kind}"), [])
        if moments:
            yield (fault, *moments.pop(0))


def _recovery(
    trial: Trial,
    requests: _Requests,
    readings: Sequence[Reading],
    fault: Fault,
    moments: tuple[float, float, float],
) -> Recovery:
    began, ended, until = moments
    disturbed = _disturbed(requests, _baseline(trial, requests, began), (began, until))
    last = max(disturbed, default=ended)
    recovered = not disturbed or until - last >= CALM_SECONDS or until <= ended
    failing = requests.due[requests.failed & requests.between(began, max(last, ended))]
    failed_after = float(failing.min()) - began if len(failing) else None
    recovered_after = max((last if recovered else until) - ended, 0.0)
    noticed_after, noticed, calmed_after = _signalled(readings, fault.signal, moments)
    return Recovery(
        leg=trial.leg,
        fault=fault,
        began=began,
        ended=ended,
        failures=len(failing),
        failed_after=failed_after,
        noticed_after=noticed_after,
        noticed=noticed,
        calmed_after=calmed_after,
        recovered_after=recovered_after,
        recovered=recovered,
        watched=max(until - ended, 0.0),
    )


def _baseline(trial: Trial, requests: _Requests, began: float) -> NDArray[np.bool_]:
    measured = [window.measured_from for window in trial.generation.windows if window.start <= began]
    own = requests.between(max(measured, default=0.0), began) & requests.calm
    return own if own.sum() >= MIN_BASELINE else requests.between(0.0, began) & requests.calm


def _disturbed(requests: _Requests, baseline: NDArray[np.bool_], watched: tuple[float, float]) -> list[float]:
    """The ends of the disturbed seconds in the observed time, since the leg's origin."""
    failed, latency = requests.failed, requests.latency
    baseline_errors = max(2 * float(failed[baseline].mean()), BASELINE_ERRORS) if baseline.any() else BASELINE_ERRORS
    baseline_ms = percentile(latency[baseline & ~failed], PERCENTILES["p95"])
    inside = requests.between(*watched)
    seconds = np.floor(requests.due[inside] - watched[0]).astype(np.int64)
    length = max(int(np.ceil(watched[1] - watched[0])), 1)
    count = np.bincount(seconds, minlength=length)
    failures = np.bincount(seconds, weights=failed[inside], minlength=length)
    slow = np.bincount(
        seconds, weights=(latency[inside] > SLOW * baseline_ms) if baseline_ms else None, minlength=length
    )
    bad = (failures > baseline_errors * count) | ((2 * slow > count) if baseline_ms else False)
    disturbed = np.flatnonzero(bad & (count > 0)).tolist()
    silent = [second for second in np.flatnonzero(count == 0).tolist() if _waiting(requests, watched[0] + second)]
    return [min(watched[0] + second + 1.0, watched[1]) for second in sorted([*disturbed, *silent])]


def _waiting(requests: _Requests, second: float) -> bool:
    """Whether a request waited through all of a second; waiting users send nothing that could fail."""
    answered = requests.due + requests.latency / 1000
    return bool(((requests.due <= second) & (answered >= second + 1)).any())


def _signalled(
    readings: Sequence[Reading], signal: str | None, moments: tuple[float, float, float]
) -> tuple[float | None, bool, float | None]:
    """``noticed_after``, ``noticed`` and ``calmed_after`` of ``Recovery``."""
    began, ended, until = moments
    courses: dict[str, list[tuple[float, float]]] = {}
    for at, source, name, value in readings:
        if name == signal:
            courses.setdefault(source, []).append((at, value))
    before = {source: value for source, course in courses.items() for at, value in course if at <= began}
    if not before:
        return None, False, None
    changed = {
        source: at
        for source in before
        for at, value in reversed(courses[source])
        if began < at < until and value != before[source]
    }
    if not changed:
        return until - began, False, None
    back = [
        next((at for at, value in courses[source] if max(since, ended) < at <= until and value == before[source]), None)
        for source, since in changed.items()
    ]
    settled = [at for at in back if at is not None]
    calmed_after = max(settled) - ended if len(settled) == len(back) else None
    return min(changed.values()) - began, True, calmed_after
