"""``python -m harness.generator``: make the load of one leg, or check that the user files can.

The parent reads progress as JSON lines from standard output; everything else goes to standard error. A leg leaves
``samples/*.parquet``, ``readings.parquet`` and, written last, ``windows.json``.
"""

from locust import User, runners  # isort: skip - first: it patches the process

import argparse
import json
import logging
import os
import random
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import gevent
from locust.env import Environment
from locust.util.load_locustfile import load_locustfile

from harness.generator.arrivals import stage_at
from harness.generator.endpoints import endpoints_of
from harness.generator.recorder import Recorder
from harness.generator.selfwatch import SelfWatch
from harness.generator.shape import StagedShape
from harness.plan import Plan, url_variable
from harness.plan_file import read_plan
from harness.readings import write_readings
from harness.trial import Generation, windows_of

NOWHERE = "http://127.0.0.1:9"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as the child program; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m harness.generator", description=__doc__)
    parser.add_argument("action", choices=["check", "run"])
    parser.add_argument("plan", type=Path)
    parser.add_argument("--base", type=Path, required=True, help="the folder that user files are relative to")
    parser.add_argument("--profile", help="the profile of the plan that scales it")
    parser.add_argument("--host", default="", help="base URL of the system under test")
    parser.add_argument("--out", type=Path, help="the leg's folder")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    channel = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what user files print must not look like progress
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    plan, _ = read_plan(options.plan, options.profile)
    paths = [(options.base / name).resolve() for name in plan.load.users]
    os.environ["HARNESS_SEED"] = str(options.seed)
    for service in plan.environment.services:
        os.environ.setdefault(url_variable(service), NOWHERE)  # user files may read it while they load
    os.environ["HARNESS_SECONDS"] = f"{plan.seconds:.0f}"  # stages have whole seconds
    random.seed(options.seed)
    users = _load(paths)
    if options.action == "check":
        files = _own_files(options.base.resolve(), paths)
        known = [endpoints_of(path) for path in files]
        endpoints = [] if None in known else sorted(set().union(*(names or () for names in known)))
        print(json.dumps({"files": [str(path) for path in files], "endpoints": endpoints}), file=channel)
        return 0
    return _run(plan, users, options.host, options.out, channel)


def _load(paths: Sequence[Path]) -> list[type[User]]:
    users: dict[str, type[User]] = {}
    for path in paths:
        found, _ = load_locustfile(str(path))
        if not found:
            sys.exit(f"{path}: no Locust User class in it")
        if twice := users.keys() & found.keys():
            sys.exit(f"{path}: a user class {min(twice)} is also in another user file; rename one")
        users |= found
    return list(users.values())


def _own_files(base: Path, paths: Sequence[Path]) -> list[Path]:
    """The user files and what they import from their own folders."""
    folders = {base, *(path.parent for path in paths)}
    modules = [Path(file) for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None))]
    return sorted({*paths, *(path for path in modules if path.parent in folders and path.suffix == ".py")})


def _run(plan: Plan, users: list[type[User]], host: str, out: Path, channel: TextIO) -> int:
    services = tuple(os.environ[url_variable(service)] for service in plan.environment.services)
    for user in users:
        if not (user.host or "").startswith(services):
            user.host = host
    environment = Environment(
        user_classes=users,
        shape_class=StagedShape(plan.stages),
        host=None if services else host,  # it would overrule the classes that chose their service
        stop_timeout=plan.load.stop_seconds,
        reset_stats=False,
    )
    runner = environment.create_local_runner()
    origin = datetime.now(UTC).isoformat()
    recorder = Recorder(out / "samples")
    environment.events.request.add_listener(recorder.on_request)
    watch = SelfWatch(recorder.origin_ns)
    environment.events.user_error.add_listener(watch.on_user_error)
    companions: list[Any] = [
        gevent.spawn(watch.watch_lag),
        gevent.spawn(_report, plan, runner, recorder, watch, channel),
    ]
    runner.start_shape()
    if runner.shape_greenlet:
        runner.shape_greenlet.join()
    gevent.killall(companions)
    runner.quit()
    recorder.close()
    counted = environment.stats.total.num_requests
    if counted != recorder.requests:
        sys.exit(f"recorded {recorder.requests} requests, Locust counted {counted}: samples were lost")
    write_readings(watch.rows, out / "readings.parquet")
    windows = windows_of(plan.stages)
    generation = Generation(
        origin,
        recorder.requests,
        watch.cpu_share(windows),
        watch.lag_p99_ms(),
        windows,
        user_errors=watch.user_errors,
    )
    partial = out / "windows.json.partial"
    partial.write_text(json.dumps(asdict(generation), indent=1))
    partial.rename(out / "windows.json")
    return 0


def _report(plan: Plan, runner: runners.Runner, recorder: Recorder, watch: SelfWatch, channel: TextIO) -> None:
    """Once a second: take readings, and tell the parent how it goes."""
    requests = 0
    while True:
        gevent.sleep(1)
        watch.read(runner.user_count)
        second = recorder.now_ns() / 1e9
        place = stage_at(plan.stages, second)
        recent, recorder.recent_ms = sorted(recorder.recent_ms), []
        line = {
            "second": second,
            "stage": place[0] if place else None,
            "stage_second": place[1] if place else None,
            "users": runner.user_count,
            "requests": recorder.requests,
            "failures": recorder.failures,
            "rps": recorder.requests - requests,
            "p95_ms": recent[-(-95 * len(recent) // 100) - 1] if recent else None,
        }
        requests = recorder.requests
        print(json.dumps(line), file=channel)


if __name__ == "__main__":
    sys.exit(main())
