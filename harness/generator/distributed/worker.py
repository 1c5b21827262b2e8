"""Worker: one of several processes that make the load of a leg together, controlled by the master.

A worker lives for one leg, because user files read their addresses and seed at import and count their users from zero.
It exits when its parent or its master is gone, so that no process outlives a run.
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
from collections.abc import Callable
from dataclasses import asdict, dataclass
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
from harness.generator.distributed.remote import ROUNDS, Exchange, Offset, estimate, reachable
from harness.generator.distributed.sample_transfer import Outbox
from harness.generator.recording.latency_histogram import bucket_counts
from harness.generator.recording.locust_statistics import LocustStatistics
from harness.generator.recording.recorder import Recorder
from harness.generator.recording.self_monitor import SelfMonitor
from harness.generator.schedule.abort_watch import AbortWatch
from harness.generator.schedule.dispatcher import Dispatcher
from harness.generator.users import assign_hosts, fire_init, load_users, set_user_variables
from harness.plan.file import parse_plan
from harness.plan.model import Plan
from harness.record.leg import windows_of

LOG = logging.getLogger(__name__)
PONG_SECONDS = 5.0
PART_SECONDS = 5.0
"""A part is written this often, so that a lost worker loses few samples."""
DONE, FAILED, GONE, ABSENT = 0, 1, 3, 4
"""Exit statuses, which ``harness.run.worker`` reads."""


def work(master: str, slot: int, scratch: Path, channel: TextIO) -> int:
    """Work through one leg of the master at ``HOST:PORT``; prints ``leg`` and ``over`` as JSON; returns the status."""
    messages.set_intervals()
    host, _, port = master.rpartition(":")
    gevent.spawn(_watch_parent, scratch)
    environment = Environment(user_classes=[], events=locust_events, reset_stats=False)
    try:
        runner = environment.create_worker_runner(host.strip("[]"), int(port))
    except ConnectionError:
        LOG.error("no master at %s", master)  # noqa: TRY400 - Locust's error adds nothing
        shutil.rmtree(scratch, ignore_errors=True)
        return ABSENT
    environment.stats = LocustStatistics()
    setup_distributed_stats_event_listeners(locust_events, environment.stats)  # instead of the runner's own
    worker = Worker(environment, runner, scratch, channel)
    gevent.spawn(worker.watch_master)
    try:
        worker.run(slot)
    except (Exception, SystemExit) as error:  # the master gets any error
        LOG.exception("this worker failed")
        worker.send(messages.FAILED, {"error": traceback.format_exception_only(error)[-1].strip()})
        gevent.sleep(1)  # for the message to leave
        return FAILED
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        channel.flush()
        logging.shutdown()
    os._exit(DONE)  # at once: greenlets and sockets are still waiting


class Worker:
    """The worker's side of the protocol in ``messages``."""

    def __init__(self, environment: Environment, runner: runners.WorkerRunner, scratch: Path, channel: TextIO) -> None:
        self.environment, self.runner, self.scratch, self.channel = environment, runner, scratch, channel
        self.outbox = Outbox(scratch / "samples")
        self.arrived = Event()
        self.send = runner.send_message
        self.started = time.time()
        self._queues: dict[str, Queue[dict[str, Any]]] = {}
        for name in (messages.JOB, messages.PONG, messages.GO, messages.FINISH, messages.BYE):
            self._queues[name] = Queue()
            runner.register_message(name, lambda msg, **_: self._queues[msg.type].put(msg.data))
        runner.register_message(messages.TAKEN, self._on_taken)

    def run(self, slot: int) -> None:
        hello = {"host": socket.gethostname(), "pid": os.getpid(), "slot": slot, "version": __version__}
        self.send(messages.HELLO, hello)
        job = self._receive(messages.JOB)
        if "refused" in job:
            raise RuntimeError(job["refused"])
        plan = self._load_plan(job)
        offset = self._estimate_offset()
        self.send(messages.READY, {"offset_ns": offset.ns, "uncertainty_ns": offset.uncertainty_ns})
        go = self._receive(messages.GO)
        print(json.dumps({"leg": job["leg"], "worker": job["index"] + 1, "of": job["of"]}), file=self.channel)
        share = (int(job["index"]), int(job["of"]))
        done = self._make_load(plan, int(go["origin_ns"]), int(job["seed"]), share)
        done["drift_ns"] = self._estimate_offset().ns - offset.ns
        self.send(messages.DONE, done)
        bye = self._receive(messages.BYE)
        print(json.dumps({"over": bool(bye["over"])}), file=self.channel)

    def watch_master(self) -> NoReturn:
        """Exit when the master has sent no heartbeat for too long."""
        while True:
            gevent.sleep(1)
            last = self.runner.last_heartbeat_timestamp or self.started
            if time.time() - last > messages.MASTER_SILENT_SECONDS:
                LOG.error("no heartbeat from the master for %.0f s", messages.MASTER_SILENT_SECONDS)
                os._exit(_gone(self.scratch))

    def _receive(self, name: str, seconds: float | None = None) -> dict[str, Any]:
        return self._queues[name].get(timeout=seconds)

    def _load_plan(self, job: dict[str, Any]) -> Plan:
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
        set_user_variables(plan, job["seed"], urls, (job["index"], job["of"]))
        users = load_users([(base / name).resolve() for name in plan.load.users])
        self.environment.user_classes = users
        fire_init(self.runner)
        assign_hosts(plan, users, reachable(job["host"], self.runner.master_host))
        return plan

    def _estimate_offset(self) -> Offset:
        exchanges = []
        for _ in range(ROUNDS):
            self.send(messages.PING, {"sent": time.perf_counter_ns()})
            pong = self._receive(messages.PONG, PONG_SECONDS)
            exchanges.append(Exchange(pong["sent"], pong["received"], pong["returned"], time.perf_counter_ns()))
        return estimate(exchanges)

    def _make_load(self, plan: Plan, origin_ns: int, seed: int, share: tuple[int, int]) -> dict[str, Any]:
        """Make this worker's share of the load from the common origin on, until the master sends finish.

        Locust's master spreads the users of closed plans; each worker dispatches its own arrivals of open plans.
        """
        recorder = Recorder(self.outbox.folder, origin_ns)
        users = self.environment.user_classes
        dispatcher = Dispatcher(plan, users, self.runner, seed, share) if plan.open else None
        monitor = SelfMonitor(origin_ns, dispatcher)
        events = self.environment.events
        events.request.add_listener(recorder.on_request)
        events.user_error.add_listener(monitor.on_user_error)
        abort_watch = AbortWatch(plan, "")
        if plan.aborts:
            recorder.listener = abort_watch.put
        report = _ReportData(recorder, monitor, abort_watch, self.outbox)
        events.report_to_master.add_listener(report.add)
        greenlets: list[Any] = [
            gevent.spawn(monitor.measure_lag),
            gevent.spawn(_repeat, 1, lambda: monitor.read(self.runner.user_count)),
            gevent.spawn(_repeat, PART_SECONDS, recorder.flush),
        ]
        if dispatcher is not None:
            recorder.due_by_greenlet = dispatcher.due_by_greenlet
            dispatcher.start(origin_ns)
        stop_seconds = self._receive(messages.FINISH)["stop_seconds"]
        if dispatcher is not None:
            dispatcher.stop()
        self.environment.stop_timeout = stop_seconds
        self.runner.stop()
        gevent.killall(greenlets)
        recorder.close()
        self._deliver_parts()
        account = monitor.account(windows_of(plan.stages))
        account["offered"] = [asdict(stage) for stage in account["offered"]]
        counted = report.counted + self.environment.stats.total.num_requests
        return {"requests": recorder.requests, "counted": counted, **account}

    def _deliver_parts(self) -> None:
        """Report until the master has every part; Locust drops unsent reports when it quits."""
        while True:
            self.arrived.clear()
            self.runner._send_stats()  # noqa: SLF001 - Locust has no public way to report now
            if self.outbox.empty:
                return
            self.arrived.wait(timeout=1)

    def _on_taken(self, msg: Any, **_: object) -> None:  # noqa: ANN401 - Locust's message has no types
        self.outbox.acknowledge(msg.data["parts"])
        self.arrived.set()


@dataclass(slots=True)
class _ReportData:
    """Adds the harness's data since the last report to Locust's report."""

    recorder: Recorder
    monitor: SelfMonitor
    abort_watch: AbortWatch
    outbox: Outbox
    read: int = 0
    counted: int = 0

    def add(self, client_id: str, data: dict[str, Any]) -> None:  # noqa: ARG002 - the event's own arguments
        recent, self.recorder.recent_ms = self.recorder.recent_ms, []
        rows = [(at_ns, name, value) for at_ns, _, name, value in self.monitor.rows(self.read)]
        self.read = len(self.monitor.at_ns)
        self.counted += int(data.get("stats_total", {}).get("num_requests", 0))
        data[messages.KEY] = {
            "requests": self.recorder.requests,
            "failures": self.recorder.failures,
            "recent": bucket_counts(recent),
            "readings": rows,
            "parts": self.outbox.take(),
            "answers": self.abort_watch.drain(),
        }


def _repeat(seconds: float, action: Callable[[], None]) -> NoReturn:
    while True:
        gevent.sleep(seconds)
        action()


def _watch_parent(scratch: Path) -> NoReturn:
    """Exit when the parent's end of the pipe closes, which the kernel does however the parent ends."""
    while True:
        wait_read(sys.stdin.fileno())
        if not os.read(sys.stdin.fileno(), 1):
            LOG.error("the parent is gone")
            os._exit(_gone(scratch))


def _gone(scratch: Path) -> int:
    shutil.rmtree(scratch, ignore_errors=True)
    return GONE
