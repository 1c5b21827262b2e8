"""Alone: the load of one leg from one process."""

from locust import User, events, runners  # isort: skip - first: it patches the process

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TextIO

import gevent
from locust.env import Environment

from harness.generator.arrivals import stage_at
from harness.generator.conductor import conduct, sit_out
from harness.generator.dispatcher import AHEAD_NS, Dispatcher
from harness.generator.recorder import Recorder
from harness.generator.seeker import seeker_of
from harness.generator.selfwatch import SelfWatch
from harness.generator.tally import Tally
from harness.generator.users import greet_users, point_users
from harness.plan import Plan
from harness.readings import write_readings
from harness.trial import Generation, windows_of


def run_alone(  # noqa: PLR0917 - each is of another type
    plan: Plan, users: Sequence[type[User]], host: str, seed: int, out: Path, channel: TextIO
) -> None:
    """Make the load of a leg in this process.

    Raises:
        SystemExit: when Locust counted other requests than were recorded.
    """
    environment = Environment(
        user_classes=list(users),
        host=point_users(plan, users, host),
        events=events,  # of the module: user files listen there
        stop_timeout=plan.load.stop_seconds,
        reset_stats=False,
    )
    environment.stats = tally = Tally()
    runner = environment.create_local_runner()
    greet_users(runner)
    dispatcher = Dispatcher(plan, users, runner, seed) if plan.open else None
    recorder = Recorder(out / "samples")
    lead = AHEAD_NS if dispatcher else 0
    recorder.count_from(time.perf_counter_ns() + lead)
    origin = (datetime.now(UTC) + timedelta(microseconds=lead / 1000)).isoformat()
    environment.events.request.add_listener(recorder.on_request)
    watch = SelfWatch(recorder.origin_ns, dispatcher)
    environment.events.user_error.add_listener(watch.on_user_error)
    companions: list[Any] = [
        gevent.spawn(watch.watch_lag),
        gevent.spawn(_report, plan, runner, recorder, watch, tally, channel),
    ]
    searched, windows = None, windows_of(plan.stages)
    if dispatcher is None:
        conduct(plan.stages, recorder.second, runner.start)
    else:
        recorder.dues = dispatcher.dues
        dispatcher.start(recorder.origin_ns)
        if seeker := seeker_of(plan, seed):
            searched = seeker.seek(recorder, dispatcher, watch)
            windows = seeker.windows(recorder.second())
        else:
            sit_out(plan.stages, recorder.second)
        dispatcher.stop()
    runner.quit()
    gevent.killall(companions)
    recorder.close()
    counted = tally.total.num_requests
    if counted != recorder.requests:
        sys.exit(f"recorded {recorder.requests} requests, Locust counted {counted}: samples were lost")
    write_readings(watch.rows(), out / "readings.parquet")
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
    )
    write_generation(generation, out)


def write_generation(generation: Generation, out: Path) -> None:
    """Write the last file of a leg whole and rename it into place: with it the leg is complete."""
    partial = out / "windows.json.partial"
    partial.write_text(json.dumps(asdict(generation), indent=1))
    partial.rename(out / "windows.json")


def _report(  # noqa: PLR0917 - each is of another type
    plan: Plan, runner: runners.Runner, recorder: Recorder, watch: SelfWatch, tally: Tally, channel: TextIO
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
