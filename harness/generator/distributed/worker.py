"""Worker: one of several processes that make the load of a leg together, told by the master what to do.

A worker lives for one leg, because user files read their addresses and seed while they are imported, and count their
users from nought. It ends itself when its parent or its master is gone, so that nothing is left of a run.
"""

from locust import events as locust_events, runners  # isort: skip - first: it patches the process

import json
import logging
import os
import shutil
import socket
import sys
import time
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn, TextIO

import gevent
from gevent.event import Event
from gevent.queue import Queue
from gevent.socket import wait_read
from locust.env import Environment
from locust.stats import setup_distributed_stats_event_listeners

from harness import __version__
from harness.generator.distributed import messages
from harness.generator.distributed.clock import ROUNDS, Exchange, Offset, estimate
from harness.generator.distributed.loopback import reachable
from harness.generator.distributed.sample_transfer import Outbox
from harness.generator.recording.latency_histogram import steps
from harness.generator.recording.locust_statistics import LocustStatistics
from harness.generator.recording.recorder import Recorder
from harness.generator.recording.self_monitor import SelfMonitor
from harness.generator.schedule.abort_watch import AbortWatch
from harness.generator.schedule.dispatcher import Dispatcher
from harness.generator.users import greet_users, load_users, point_users, tell_users
from harness.plan.file import parse_plan
from harness.plan.model import Plan
from harness.record.leg import windows_of

LOG = logging.getLogger(__name__)
PONG_SECONDS = 5.0
PART_SECONDS = 5.0
"""A part is closed this often, so that little is lost with a worker."""
DONE, FAILED, GONE, ABSENT = 0, 1, 3, 4
"""Exit statuses; harness.run.worker knows them too."""


def work(master: str, slot: int, scratch: Path, channel: TextIO) -> int:
    """Work through one leg of the master at ``HOST:PORT``; returns the process's exit status.

    What happens is said as JSON lines on the channel: ``{"leg": ...}`` when it begins, ``{"over": ...}`` at its end.
    """
    messages.set_intervals()
    host, _, port = master.rpartition(":")
    gevent.spawn(_follow_parent, scratch)
    environment = Environment(user_classes=[], events=locust_events, reset_stats=False)
    try:
        runner = environment.create_worker_runner(host.strip("[]"), int(port))
    except ConnectionError:
        LOG.error("no master at %s", master)  # noqa: TRY400 - Locust's own says nothing more
        shutil.rmtree(scratch, ignore_errors=True)
        return ABSENT
    environment.stats = LocustStatistics()
    setup_distributed_stats_event_listeners(locust_events, environment.stats)  # over those of the runner's first ones
    worker = Worker(environment, runner, scratch, channel)
    gevent.spawn(worker.follow_master)
    try:
        worker.run(slot)
    except (Exception, SystemExit) as error:  # told to the master, whatever it is
        LOG.exception("this worker fails")
        worker.say(messages.FAILED, {"error": _told(error)})
        gevent.sleep(1)  # for the message to leave
        return FAILED
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        channel.flush()
        logging.shutdown()
    os._exit(DONE)  # at once: what is left are greenlets and sockets that wait for ever


class Worker:
    """The worker's side of the conversation."""

    def __init__(self, environment: Environment, runner: runners.WorkerRunner, scratch: Path, channel: TextIO) -> None:
        self.environment, self.runner, self.scratch, self.channel = environment, runner, scratch, channel
        self.outbox = Outbox(scratch / "samples")
        self.arrived = Event()
        self.started = time.time()
        self._boxes: dict[str, Queue[dict[str, Any]]] = {}
        for name in (messages.JOB, messages.PONG, messages.GO, messages.FINISH, messages.BYE):
            self._boxes[name] = Queue()
            runner.register_message(name, lambda msg, **_: self._boxes[msg.type].put(msg.data))
        runner.register_message(messages.TAKEN, self._on_taken)

    def run(self, slot: int) -> None:
        """One leg, from hello to bye."""
        me = {"host": socket.gethostname(), "pid": os.getpid(), "slot": slot, "version": __version__}
        self.say(messages.HELLO, me)
        job = self._hear(messages.JOB)
        if "refused" in job:
            raise RuntimeError(job["refused"])
        plan = self._prepare(job)
        offset = self._compare_clocks()
        self.say(messages.READY, {"offset_ns": offset.ns, "uncertainty_ns": offset.uncertainty_ns})
        go = self._hear(messages.GO)
        print(json.dumps({"leg": job["leg"], "worker": job["index"] + 1, "of": job["of"]}), file=self.channel)
        share = (int(job["index"]), int(job["of"]))
        done = self._conduct(plan, int(go["origin_ns"]), int(job["seed"]), share)
        done["drift_ns"] = self._compare_clocks().ns - offset.ns
        self.say(messages.DONE, done)
        bye = self._hear(messages.BYE)
        print(json.dumps({"over": bool(bye["over"])}), file=self.channel)

    def say(self, name: str, data: dict[str, Any]) -> None:
        """Tell the master."""
        self.runner.send_message(name, data)

    def follow_master(self) -> NoReturn:
        """End the process when the master has not been heard of for too long."""
        while True:
            gevent.sleep(1)
            heard = self.runner.last_heartbeat_timestamp or self.started
            if time.time() - heard > messages.MASTER_SILENT_SECONDS:
                LOG.error("the master has not been heard of for %.0f s", messages.MASTER_SILENT_SECONDS)
                os._exit(_gone(self.scratch))

    def _hear(self, name: str, seconds: float | None = None) -> dict[str, Any]:
        return self._boxes[name].get(timeout=seconds)

    def _prepare(self, job: dict[str, Any]) -> Plan:
        """Load the user files as the plan says, from the master's folder or from what it sent."""
        plan = parse_plan(job["plan"], "plan", job["profile"])
        base = Path(job["base"])
        if job["files"]:
            folder = self.scratch / "files"
            for name, content in job["files"].items():
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            base = folder / job["base"]
        urls = {name: reachable(url, self.runner.master_host) for name, url in job["urls"].items()}
        tell_users(plan, job["seed"], urls, (job["index"], job["of"]))
        users = load_users([(base / name).resolve() for name in plan.load.users])
        self.environment.user_classes = users
        greet_users(self.runner)
        point_users(plan, users, reachable(job["host"], self.runner.master_host))
        return plan

    def _compare_clocks(self) -> Offset:
        exchanges = []
        for _ in range(ROUNDS):
            self.say(messages.PING, {"sent": time.perf_counter_ns()})
            pong = self._hear(messages.PONG, PONG_SECONDS)
            exchanges.append(Exchange(pong["sent"], pong["received"], pong["returned"], time.perf_counter_ns()))
        return estimate(exchanges)

    def _conduct(self, plan: Plan, origin_ns: int, seed: int, share: tuple[int, int]) -> dict[str, Any]:
        """Make this worker's share of the load from the common origin on, until the master says finish.

        Locust's master spreads the users of closed plans; arrivals are given out here, in this process.
        """
        recorder = Recorder(self.outbox.folder)
        recorder.count_from(origin_ns)
        users = self.environment.user_classes
        dispatcher = Dispatcher(plan, users, self.runner, seed, share) if plan.open else None
        watch = SelfMonitor(origin_ns, dispatcher)
        events = self.environment.events
        events.request.add_listener(recorder.on_request)
        events.user_error.add_listener(watch.on_user_error)
        danger = AbortWatch(plan, "")
        if plan.aborts:
            recorder.tap = danger
        report = _Report(recorder, watch, danger, self.outbox, self.runner)
        events.report_to_master.add_listener(report.add)
        companions: list[Any] = [
            gevent.spawn(watch.watch_lag),
            gevent.spawn(report.read_every_second),
            gevent.spawn(_close_parts, recorder),
        ]
        if dispatcher is not None:
            recorder.dues = dispatcher.dues
            dispatcher.start(origin_ns)
        stop_seconds = self._hear(messages.FINISH)["stop_seconds"]
        if dispatcher is not None:
            dispatcher.stop()
        self.environment.stop_timeout = stop_seconds
        self.runner.stop()
        gevent.killall(companions)
        recorder.close()
        self._deliver()
        counted = self.environment.stats.total.num_requests
        windows = windows_of(plan.stages)
        return {
            "requests": recorder.requests,
            "counted": report.counted + counted,
            "user_errors": watch.user_errors,
            "cpu_share": watch.cpu_share(windows),
            "lag_p99_ms": watch.lag_p99_ms(),
            "offered": [asdict(part) for part in dispatcher.offered()] if dispatcher else [],
            "schedule_lag_p99_ms": dispatcher.lag_p99_ms if dispatcher else None,
            "gc_pause_ms": watch.garbage.longest_ms,
        }

    def _deliver(self) -> None:
        """Report until the master has every part; Locust itself would lose what is not sent when it quits."""
        while True:
            self.arrived.clear()
            self.runner._send_stats()  # noqa: SLF001 - Locust has no public way to report now
            if self.outbox.empty:
                return
            self.arrived.wait(timeout=1)

    def _on_taken(self, msg: Any, **_: object) -> None:  # noqa: ANN401 - Locust's message has no types
        self.outbox.acknowledge(msg.data["parts"])
        self.arrived.set()


class _Report:
    """Adds to Locust's report what has happened since the last one."""

    def __init__(
        self,
        recorder: Recorder,
        watch: SelfMonitor,
        danger: AbortWatch,
        outbox: Outbox,
        runner: runners.WorkerRunner,
    ) -> None:
        self.recorder, self.watch, self.limit, self.outbox, self.runner = recorder, watch, danger, outbox, runner
        self.read = 0
        self.counted = 0

    def read_every_second(self) -> NoReturn:
        """Take readings in a greenlet."""
        while True:
            gevent.sleep(1)
            self.watch.read(self.runner.user_count)

    def add(self, client_id: str, data: dict[str, Any]) -> None:  # noqa: ARG002 - the event's own arguments
        """Put samples, readings and figures for the live line into a report."""
        recent, self.recorder.recent_ms = self.recorder.recent_ms, []
        rows = [(at_ns, name, value) for at_ns, _, name, value in self.watch.rows(self.read)]
        self.read = len(self.watch.at_ns)
        self.counted += int(data.get("stats_total", {}).get("num_requests", 0))
        data[messages.KEY] = {
            "requests": self.recorder.requests,
            "failures": self.recorder.failures,
            "recent": steps(recent),
            "readings": rows,
            "parts": self.outbox.take(),
            "answers": self.limit.drain(),
        }


def _close_parts(recorder: Recorder) -> NoReturn:
    while True:
        gevent.sleep(PART_SECONDS)
        recorder.flush()


def _follow_parent(scratch: Path) -> NoReturn:
    """End the process when the parent's end of the pipe closes, which the kernel does however the parent ends."""
    while True:
        wait_read(sys.stdin.fileno())
        if not os.read(sys.stdin.fileno(), 1):
            LOG.error("the parent is gone")
            os._exit(_gone(scratch))


def _gone(scratch: Path) -> int:
    shutil.rmtree(scratch, ignore_errors=True)
    return GONE


def _told(error: BaseException) -> str:
    last = traceback.format_exception_only(error)[-1].strip()
    return last or type(error).__name__
