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
from harness.generator.schedule.stages import run_stages, wait_for_end
from harness.generator.users import assign_hosts, fire_init
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
    environment.stats = statistics = LocustStatistics()
    runner = environment.create_local_runner()
    fire_init(runner)
    dispatcher = Dispatcher(plan, users, runner, seed) if plan.open else None
    recorder = Recorder(out / "samples")
    lead = AHEAD_NS if dispatcher else 0
    recorder.set_origin(time.perf_counter_ns() + lead)
    origin = (datetime.now(UTC) + timedelta(microseconds=lead / 1000)).isoformat()
    environment.events.request.add_listener(recorder.on_request)
    monitor = SelfMonitor(recorder.origin_ns, dispatcher)
    environment.events.user_error.add_listener(monitor.on_user_error)
    switch = AbortSwitch(environment)
    greenlets: list[Any] = [
        gevent.spawn(monitor.measure_lag),
        gevent.spawn(_report, plan, runner, recorder, monitor, statistics, channel),
    ]
    if plan.aborts:
        recorder.listener = abort_watch = AbortWatch(plan, arm)
        greenlets.append(gevent.spawn(_check_aborts, abort_watch, recorder, switch))
    if until is not None:
        greenlets.append(gevent.spawn(_wait_for_file, until, switch))
    if dispatcher is None:
        switch.run_until_ended(run_stages, plan.stages, recorder.second, runner.start)
        searched, windows = None, windows_of(plan.stages)
    else:
        searched, windows = _run_open_stages(plan, seed, recorder, dispatcher, monitor, switch)
    ended = recorder.second()
    runner.quit()
    gevent.killall(greenlets)
    recorder.close()
    counted = statistics.total.num_requests
    if counted != recorder.requests:
        sys.exit(f"recorded {recorder.requests} requests, Locust counted {counted}: samples were lost")
    write_readings(monitor.rows(), out / "readings.parquet")
    if switch.ended_early:
        windows = windows_of(plan.stages, ended)
    generation = Generation(
        origin,
        recorder.requests,
        monitor.cpu_share(windows),
        monitor.lag_p99_ms(),
        windows,
        user_errors=monitor.user_errors,
        offered=dispatcher.offered() if dispatcher else (),
        schedule_lag_p99_ms=dispatcher.lag_p99_ms if dispatcher else None,
        gc_pause_ms=monitor.garbage.longest_ms,
        searched=searched,
        aborted=switch.aborted,
    )
    write_generation(generation, out)


def _environment(plan: Plan, users: Sequence[type[User]], host: str) -> Environment:
    """Locust, as its user files know it."""
    return Environment(
        user_classes=list(users),
        host=assign_hosts(plan, users, host),
        events=events,  # of the module: user files listen there
        stop_timeout=plan.load.stop_seconds,
        reset_stats=False,
    )


def _run_open_stages(
    plan: Plan, seed: int, recorder: Recorder, dispatcher: Dispatcher, monitor: SelfMonitor, switch: "AbortSwitch"
) -> tuple[Searched | None, tuple[Window, ...]]:
    """Have visits arrive to the end of the stages; returns what a search tried, and when each stage was."""
    searched, windows = None, windows_of(plan.stages)
    recorder.due_by_greenlet = dispatcher.due_by_greenlet
    dispatcher.start(recorder.origin_ns)
    if search := capacity_search_of(plan, seed):
        searched = search.run(recorder, dispatcher, monitor)
        windows = search.windows(recorder.second())
    else:
        switch.run_until_ended(wait_for_end, plan.stages, recorder.second)
    dispatcher.stop()
    return searched, windows


POLL_SECONDS = 0.2


class AbortSwitch:
    """Ends the load early; users may then take ``ABORTED_STOP_SECONDS`` to end, whatever the plan allows them."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.aborted: Aborted | None = None
        self._raised = Event()

    def abort(self, aborted: Aborted) -> None:
        """End it for this reason; the first one counts."""
        if self.aborted is None:
            self.aborted = aborted
            stop_seconds = self.environment.stop_timeout or 0.0
            self.environment.stop_timeout = min(stop_seconds, ABORTED_STOP_SECONDS)
            self._raised.set()

    @property
    def ended_early(self) -> bool:
        """Whether the load was ended early."""
        return self._raised.is_set()

    def end(self) -> None:
        """End it as after the last stage."""
        self._raised.set()

    def run_until_ended(self, work: Callable[..., None], *arguments: Any) -> None:  # noqa: ANN401 - those of ``work``
        """Do something to its end, or until the load is ended early."""
        working = gevent.spawn(work, *arguments)
        together: list[Any] = [working, self._raised]
        gevent.wait(together, count=1)
        if working.ready():
            working.get()  # raises what it raised
        else:
            working.kill()


def _check_aborts(monitor: AbortWatch, recorder: Recorder, switch: AbortSwitch) -> None:
    """Every second, for ever."""
    while True:
        gevent.sleep(1 - recorder.second() % 1)
        if aborted := monitor.check(recorder.second()):
            switch.abort(aborted)


def _wait_for_file(until: Path, switch: AbortSwitch) -> None:
    """Until there is the file; who waits for the end of the load waits a fifth of a second more."""
    while not until.exists():
        gevent.sleep(POLL_SECONDS)
    switch.end()


def write_generation(generation: Generation, out: Path) -> None:
    """Write the last file of a leg whole and rename it into place: with it the leg is complete."""
    partial = out / "windows.json.partial"
    partial.write_text(json.dumps(asdict(generation), indent=1))
    partial.rename(out / "windows.json")


def _report(
    plan: Plan,
    runner: runners.Runner,
    recorder: Recorder,
    monitor: SelfMonitor,
    statistics: LocustStatistics,
    channel: TextIO,
) -> None:
    """Once a second: take readings, and tell the parent how it goes."""
    requests = 0
    while True:
        gevent.sleep(1)
        monitor.read(runner.user_count)
        statistics.update_entries()
        second = max(recorder.second(), 0.0)
        place = stage_at(plan.stages, second)
        recent, recorder.recent_ms = sorted(recorder.recent_ms), []
        line = {
            "second": second,
            "stage": place[0] if place else None,
            "stage_second": place[1] if place else None,
            "users": monitor.users,
            "requests": recorder.requests,
            "failures": recorder.failures,
            "rps": recorder.requests - requests,
            "p95_ms": recent[-(-95 * len(recent) // 100) - 1] if recent else None,
        }
        requests = recorder.requests
        print(json.dumps(line), file=channel)
