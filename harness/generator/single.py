"""The load of one leg from one process."""

from locust import User  # isort: skip - first: it patches the process

import json
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TextIO

import gevent
from gevent.event import Event
from locust.env import Environment
from locust.runners import Runner

from harness.generator.leg import LegOptions, run_stages, stage_progress, wait_for_end, write_generation
from harness.generator.recording.locust_statistics import LocustStatistics
from harness.generator.recording.recorder import Recorder
from harness.generator.recording.self_monitor import SelfMonitor
from harness.generator.schedule.abort_watch import ABORTED_STOP_SECONDS, AbortWatch
from harness.generator.schedule.capacity_search import capacity_search_of
from harness.generator.schedule.dispatcher import AHEAD_NS, Dispatcher
from harness.generator.users import fire_init, locust_environment
from harness.plan.model import Plan
from harness.plan.search import Searched
from harness.record.generation import Aborted, Generation
from harness.record.leg import Window, windows_of
from harness.record.readings import write_readings


def run_single(leg: LegOptions, users: Sequence[type[User]], channel: TextIO) -> None:
    """Make a leg's load in this process; exits when Locust counted another number of requests than the recorder."""
    plan = leg.plan
    environment = locust_environment(plan, users, leg.host)
    environment.stats = statistics = LocustStatistics()
    runner = environment.create_local_runner()
    fire_init(runner)
    dispatcher = Dispatcher(plan, users, runner, leg.seed) if plan.open else None
    lead_ns = AHEAD_NS if dispatcher else 0
    recorder = Recorder(leg.out / "samples", time.perf_counter_ns() + lead_ns)
    origin = (datetime.now(UTC) + timedelta(microseconds=lead_ns / 1000)).isoformat()
    environment.events.request.add_listener(recorder.on_request)
    monitor = SelfMonitor(recorder.origin_ns, dispatcher)
    environment.events.user_error.add_listener(monitor.on_user_error)
    switch = AbortSwitch(environment)
    greenlets: list[Any] = [
        gevent.spawn(monitor.measure_lag),
        gevent.spawn(_report, plan, runner, recorder, monitor, statistics, channel),
    ]
    if plan.aborts:
        abort_watch = AbortWatch(plan, leg.arm)
        recorder.listener = abort_watch.put
        greenlets.append(gevent.spawn(_check_aborts, abort_watch, recorder, switch))
    if leg.until is not None:
        greenlets.append(gevent.spawn(_wait_for_file, leg.until, switch))
    if dispatcher is None:
        switch.run_until_ended(run_stages, plan.stages, recorder.second, runner.start)
        searched, windows = None, windows_of(plan.stages)
    else:
        searched, windows = _run_open_stages(plan, leg.seed, recorder, dispatcher, monitor, switch)
    if switch.ended.is_set():
        windows = windows_of(plan.stages, recorder.second())
    runner.quit()
    gevent.killall(greenlets)
    recorder.close()
    if (counted := statistics.total.num_requests) != recorder.requests:
        sys.exit(f"recorded {recorder.requests} requests, Locust counted {counted}: samples were lost")
    write_readings(monitor.rows(), leg.out / "readings.parquet")
    account = monitor.account(windows)
    account |= {"windows": windows, "searched": searched, "aborted": switch.aborted}
    write_generation(Generation(origin, recorder.requests, **account), leg.out)


def _run_open_stages(
    plan: Plan, seed: int, recorder: Recorder, dispatcher: Dispatcher, monitor: SelfMonitor, switch: "AbortSwitch"
) -> tuple[Searched | None, tuple[Window, ...]]:
    """Dispatch arrivals to the end of the stages; returns the tries of a capacity search, and the stages' windows."""
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


class AbortSwitch:
    """Ends the load early; after an abort users have at most ``ABORTED_STOP_SECONDS`` to end."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.aborted: Aborted | None = None
        self.ended = Event()

    def abort(self, aborted: Aborted) -> None:
        """End the load for this reason; later reasons are ignored."""
        if self.aborted is None:
            self.aborted = aborted
            self.environment.stop_timeout = min(self.environment.stop_timeout or 0.0, ABORTED_STOP_SECONDS)
            self.ended.set()

    def run_until_ended(self, work: Callable[..., None], *arguments: Any) -> None:  # noqa: ANN401 - those of ``work``
        """Run ``work`` to its end, or kill it when the load ends early; raises what it raises."""
        working = gevent.spawn(work, *arguments)
        either: list[Any] = [working, self.ended]
        gevent.wait(either, count=1)
        if working.ready():
            working.get()
        else:
            working.kill()


def _check_aborts(abort_watch: AbortWatch, recorder: Recorder, switch: AbortSwitch) -> None:
    while True:
        gevent.sleep(1 - recorder.second() % 1)
        if aborted := abort_watch.check(recorder.second()):
            switch.abort(aborted)


def _wait_for_file(until: Path, switch: AbortSwitch) -> None:
    while not until.exists():
        gevent.sleep(0.2)
    switch.ended.set()


def _report(
    plan: Plan, runner: Runner, recorder: Recorder, monitor: SelfMonitor, statistics: LocustStatistics, channel: TextIO
) -> None:
    requests = 0
    while True:
        gevent.sleep(1)
        monitor.read(runner.user_count)
        statistics.update_entries()
        second = max(recorder.second(), 0.0)
        recent, recorder.recent_ms = sorted(recorder.recent_ms), []
        line = {
            "second": second,
            **stage_progress(plan.stages, second),
            "users": monitor.users,
            "requests": recorder.requests,
            "failures": recorder.failures,
            "rps": recorder.requests - requests,
            "p95_ms": recent[-(-95 * len(recent) // 100) - 1] if recent else None,
        }
        requests = recorder.requests
        print(json.dumps(line), file=channel)
