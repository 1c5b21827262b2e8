"""Alone: the load of one leg from one process."""

from locust import User, events, runners  # isort: skip - first: it patches the process

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TextIO

import gevent
from gevent.event import Event
from locust.env import Environment

from harness.generator.recording.locust_statistics import LocustStatistics
from harness.generator.recording.recorder import Recorder
from harness.generator.recording.self_monitor import SelfMonitor
from harness.generator.schedule.abort_watch import ABORTED_STOP_SECONDS, AbortWatch
from harness.generator.schedule.arrivals import stage_at
from harness.generator.schedule.capacity_search import capacity_search_of
from harness.generator.schedule.dispatcher import AHEAD_NS, Dispatcher
from harness.generator.schedule.stages import conduct, sit_out
from harness.generator.users import greet_users, point_users
from harness.plan.model import Plan
from harness.plan.search import Searched
from harness.record.generation import Aborted, Generation
from harness.record.leg import Window, windows_of
from harness.record.readings import write_readings


def run_single(
    plan: Plan,
    users: Sequence[type[User]],
    host: str,
    seed: int,
    arm: str,
    out: Path,
    channel: TextIO,
    until: Path | None = None,
) -> None:
    """Make the load of a leg of ``arm`` in this process, to the end of the stages or until there is a file.

    Raises:
        SystemExit: when Locust counted other requests than were recorded.
    """
    environment = _environment(plan, users, host)
    environment.stats = tally = LocustStatistics()
    runner = environment.create_local_runner()
    greet_users(runner)
    dispatcher = Dispatcher(plan, users, runner, seed) if plan.open else None
    recorder = Recorder(out / "samples")
    lead = AHEAD_NS if dispatcher else 0
    recorder.count_from(time.perf_counter_ns() + lead)
    origin = (datetime.now(UTC) + timedelta(microseconds=lead / 1000)).isoformat()
    environment.events.request.add_listener(recorder.on_request)
    watch = SelfMonitor(recorder.origin_ns, dispatcher)
    environment.events.user_error.add_listener(watch.on_user_error)
    alert = AbortSwitch(environment)
    companions: list[Any] = [
        gevent.spawn(watch.watch_lag),
        gevent.spawn(_report, plan, runner, recorder, watch, tally, channel),
    ]
    if plan.aborts:
        recorder.tap = danger = AbortWatch(plan, arm)
        companions.append(gevent.spawn(_look_for_danger, danger, recorder, alert))
    if until is not None:
        companions.append(gevent.spawn(_look_for_end, until, alert))
    if dispatcher is None:
        alert.unless(conduct, plan.stages, recorder.second, runner.start)
        searched, windows = None, windows_of(plan.stages)
    else:
        searched, windows = _arrivals(plan, seed, recorder, dispatcher, watch, alert)
    ended = recorder.second()
    runner.quit()
    gevent.killall(companions)
    recorder.close()
    counted = tally.total.num_requests
    if counted != recorder.requests:
        sys.exit(f"recorded {recorder.requests} requests, Locust counted {counted}: samples were lost")
    write_readings(watch.rows(), out / "readings.parquet")
    if alert.risen:
        windows = windows_of(plan.stages, ended)
    generation = Generation(
        origin,
        recorder.requests,
        watch.cpu_share(windows),
        watch.lag_p99_ms(),
        windows,
        user_errors=watch.user_errors,
        offered=dispatcher.offered() if dispatcher else (),
        schedule_lag_p99_ms=dispatcher.lag_p99_ms if dispatcher else None,
        gc_pause_ms=watch.garbage.longest_ms,
        searched=searched,
        aborted=alert.aborted,
    )
    write_generation(generation, out)


def _environment(plan: Plan, users: Sequence[type[User]], host: str) -> Environment:
    """Locust, as its user files know it."""
    return Environment(
        user_classes=list(users),
        host=point_users(plan, users, host),
        events=events,  # of the module: user files listen there
        stop_timeout=plan.load.stop_seconds,
        reset_stats=False,
    )


def _arrivals(
    plan: Plan, seed: int, recorder: Recorder, dispatcher: Dispatcher, watch: SelfMonitor, alert: "AbortSwitch"
) -> tuple[Searched | None, tuple[Window, ...]]:
    """Have visits arrive to the end of the stages; returns what a search tried, and when each stage was."""
    searched, windows = None, windows_of(plan.stages)
    recorder.dues = dispatcher.dues
    dispatcher.start(recorder.origin_ns)
    if seeker := capacity_search_of(plan, seed):
        searched = seeker.seek(recorder, dispatcher, watch)
        windows = seeker.windows(recorder.second())
    else:
        alert.unless(sit_out, plan.stages, recorder.second)
    dispatcher.stop()
    return searched, windows


LOOK_SECONDS = 0.2


class AbortSwitch:
    """Ends the load early; users may then take ``ABORTED_STOP_SECONDS`` to end, whatever the plan allows them."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.aborted: Aborted | None = None
        self._raised = Event()

    def rise(self, aborted: Aborted) -> None:
        """End it for this reason; the first one counts."""
        if self.aborted is None:
            self.aborted = aborted
            stop_seconds = self.environment.stop_timeout or 0.0
            self.environment.stop_timeout = min(stop_seconds, ABORTED_STOP_SECONDS)
            self._raised.set()

    @property
    def risen(self) -> bool:
        """Whether the load was ended early."""
        return self._raised.is_set()

    def end(self) -> None:
        """End it as after the last stage."""
        self._raised.set()

    def unless(self, work: Callable[..., None], *arguments: Any) -> None:  # noqa: ANN401 - those of ``work``
        """Do something to its end, or until the load is ended early."""
        working = gevent.spawn(work, *arguments)
        together: list[Any] = [working, self._raised]
        gevent.wait(together, count=1)
        if working.ready():
            working.get()  # raises what it raised
        else:
            working.kill()


def _look_for_danger(watch: AbortWatch, recorder: Recorder, alert: AbortSwitch) -> None:
    """Every second, for ever."""
    while True:
        gevent.sleep(1 - recorder.second() % 1)
        if aborted := watch.look(recorder.second()):
            alert.rise(aborted)


def _look_for_end(until: Path, alert: AbortSwitch) -> None:
    """Until there is the file; who waits for the end of the load waits a fifth of a second more."""
    while not until.exists():
        gevent.sleep(LOOK_SECONDS)
    alert.end()


def write_generation(generation: Generation, out: Path) -> None:
    """Write the last file of a leg whole and rename it into place: with it the leg is complete."""
    partial = out / "windows.json.partial"
    partial.write_text(json.dumps(asdict(generation), indent=1))
    partial.rename(out / "windows.json")


def _report(
    plan: Plan, runner: runners.Runner, recorder: Recorder, watch: SelfMonitor, tally: LocustStatistics, channel: TextIO
) -> None:
    """Once a second: take readings, and tell the parent how it goes."""
    requests = 0
    while True:
        gevent.sleep(1)
        watch.read(runner.user_count)
        tally.settle()
        second = max(recorder.second(), 0.0)
        place = stage_at(plan.stages, second)
        recent, recorder.recent_ms = sorted(recorder.recent_ms), []
        line = {
            "second": second,
            "stage": place[0] if place else None,
            "stage_second": place[1] if place else None,
            "users": watch.users,
            "requests": recorder.requests,
            "failures": recorder.failures,
            "rps": recorder.requests - requests,
            "p95_ms": recent[-(-95 * len(recent) // 100) - 1] if recent else None,
        }
        requests = recorder.requests
        print(json.dumps(line), file=channel)
