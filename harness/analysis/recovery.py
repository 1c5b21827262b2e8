"""Recovery: what followed a fault in a leg: who failed, when the services noticed, and when all was as usual again.

A second is disturbed when more of its requests failed than usual, or more than half of them took more than twice as
long as 95 % did before; or when nobody asked anything while somebody waited through all of it. "Usual" is what was
measured from the beginning of the fault's stage, or of the load where that is too little, until the fault began, less
what an earlier fault disturbed. Requests belong to the second in which they were due.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from harness.metrics import PERCENTILES
from harness.plan.faults import Fault
from harness.record.leg import Leg
from harness.record.readings import FAULT
from harness.record.samples import latency_ms
from harness.record.trial import Trial
from harness.statistics.percentiles import percentile

Reading = tuple[float, str, str, float]
"""Seconds since the leg's origin, source, name, value."""
BASELINE_ERRORS = 0.01
SLOW = 2.0
MIN_BASELINE = 59
"""Requests before the fault: fewer cannot bound their P95."""
CALM_SECONDS = 3.0
"""What is still disturbed so shortly before the end of the watch has not recovered."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """What followed one fault in one leg, in seconds.

    Attributes:
        began: when it began, since the leg's origin.
        ended: when it was over, or the load was.
        failures: requests that failed and were due from its beginning until all was as usual.
        failed_after: from its beginning to the first of them; ``None``: none failed.
        noticed_after: from its beginning to the first change of its ``signal``, a lower bound unless ``noticed``;
            ``None``: the signal was not read.
        calmed_after: from its end until the signal was as before; ``None``: it was not, or had not changed.
        recovered_after: from its end to the end of the last disturbed second; a lower bound unless ``recovered``.
        watched: how long the load went on after its end, up to the next fault.
    """

    leg: Leg
    fault: Fault
    began: float
    ended: float
    failures: int
    failed_after: float | None
    noticed_after: float | None
    noticed: bool
    calmed_after: float | None
    recovered_after: float
    recovered: bool
    watched: float


@dataclass(frozen=True, slots=True)
class _Requests:
    """The requests of a leg: when they were due, whether they failed, how many ms they took, and if all was well."""

    due: NDArray[np.float64]
    failed: NDArray[np.bool_]
    latency: NDArray[np.float64]
    calm: NDArray[np.bool_]

    def between(self, begin: float, end: float) -> NDArray[np.bool_]:
        """Which were due there."""
        return (self.due >= begin) & (self.due < end)


def recoveries_of(trial: Trial, faults: Sequence[Fault]) -> Iterator[Recovery]:
    """What followed each fault of a leg that took place, in the order in which they began."""
    if not faults:
        return
    readings = [(row["at_ns"] / 1e9, row["source"], row["name"], row["value"]) for row in trial.readings.to_pylist()]
    end = max((window.end for window in trial.generation.windows), default=0.0)
    due = trial.samples["due_ns"].to_numpy() / 1e9
    failed = ~pc.is_null(trial.samples["error"]).to_numpy(zero_copy_only=False)
    requests = _Requests(due, failed, latency_ms(trial.samples), np.ones(len(due), dtype=bool))
    struck = sorted(_struck(readings, faults, end), key=lambda one: one[1])
    for number, (fault, began, ended) in enumerate(struck):
        following = [begin for _, begin, _ in struck[number + 1 :] if begin > ended]
        moments = (began, ended, min([*following, end]))
        found = _recovery(trial, requests, fault, moments, _signalled(readings, fault.signal, moments))
        requests.calm[requests.between(began, ended + found.recovered_after)] = False
        yield found


def _struck(readings: Sequence[Reading], faults: Sequence[Fault], end: float) -> Iterator[tuple[Fault, float, float]]:
    """Each fault that a witness among the readings tells of, with the seconds of its beginning and end."""
    told: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for at, source, name, value in readings:
        if name.startswith(FAULT):
            moments = told.setdefault((source, name), [])
            if value:
                moments.append((at, end))
            elif moments:
                moments[-1] = (moments[-1][0], at)
    for fault in faults:
        moments = told.get((fault.service, f"{FAULT}{fault.kind}"), [])
        if moments:
            yield (fault, *moments.pop(0))


def _recovery(
    trial: Trial,
    requests: _Requests,
    fault: Fault,
    moments: tuple[float, float, float],
    signalled: tuple[float | None, bool, float | None],
) -> Recovery:
    began, ended, until = moments
    disturbed = _disturbed(requests, _usual(trial, requests, began), (began, until))
    last = max(disturbed, default=ended)
    recovered = not disturbed or until - last >= CALM_SECONDS or until <= ended
    failing = requests.due[requests.failed & requests.between(began, max(last, ended))]
    noticed_after, noticed, calmed_after = signalled
    return Recovery(
        leg=trial.leg,
        fault=fault,
        began=began,
        ended=ended,
        failures=len(failing),
        failed_after=float(failing.min()) - began if len(failing) else None,
        noticed_after=noticed_after,
        noticed=noticed,
        calmed_after=calmed_after,
        recovered_after=max((last if recovered else until) - ended, 0.0),
        recovered=recovered,
        watched=max(until - ended, 0.0),
    )


def _usual(trial: Trial, requests: _Requests, began: float) -> NDArray[np.bool_]:
    """Which samples show how it was before a fault; what another one disturbed does not."""
    measured = [window.measured_from for window in trial.generation.windows if window.start <= began]
    own = requests.between(max(measured, default=0.0), began) & requests.calm
    return own if own.sum() >= MIN_BASELINE else requests.between(0.0, began) & requests.calm


def _disturbed(requests: _Requests, usual: NDArray[np.bool_], watched: tuple[float, float]) -> list[float]:
    """The ends of the disturbed seconds among those watched, seconds since the leg's origin."""
    failed, latency = requests.failed, requests.latency
    usual_errors = max(2 * float(failed[usual].mean()), BASELINE_ERRORS) if usual.any() else BASELINE_ERRORS
    usual_ms = percentile(latency[usual & ~failed], PERCENTILES["p95"])
    inside = requests.between(*watched)
    seconds = np.floor(requests.due[inside] - watched[0]).astype(np.int64)
    length = max(int(np.ceil(watched[1] - watched[0])), 1)
    count = np.bincount(seconds, minlength=length)
    failures = np.bincount(seconds, weights=failed[inside], minlength=length)
    slow = np.bincount(seconds, weights=(latency[inside] > SLOW * usual_ms) if usual_ms else None, minlength=length)
    bad = (failures > usual_errors * count) | ((2 * slow > count) if usual_ms else False)
    disturbed = np.flatnonzero(bad & (count > 0)).tolist()
    silent = [second for second in np.flatnonzero(count == 0).tolist() if _waiting(requests, watched[0] + second)]
    return [min(watched[0] + second + 1.0, watched[1]) for second in sorted([*disturbed, *silent])]


def _waiting(requests: _Requests, second: float) -> bool:
    """Whether somebody waited all of a second for an answer: users who wait ask nothing that could fail or be slow."""
    answered = requests.due + requests.latency / 1000
    return bool(((requests.due <= second) & (answered >= second + 1)).any())


def _signalled(
    readings: Sequence[Reading], signal: str | None, moments: tuple[float, float, float]
) -> tuple[float | None, bool, float | None]:
    """When a signal first changed, whether it did, and when it was as before again, as of ``Recovery``."""
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
