"""Master: starts the workers of one leg together and stores their reports; it makes no requests itself.

Its memory does not grow with the run: parts go to disk as they come, readings every few seconds.
"""

from locust import User, runners  # isort: skip - first: it patches the process

import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import gevent

from harness import __version__
from harness.generator.distributed import messages
from harness.generator.distributed.sample_transfer import Inbox
from harness.generator.distributed.worker_pool import LocalWorkers, PoolWorker, WorkerPool, WorkerReports, generation_of
from harness.generator.leg import LegOptions, run_stages, stage_progress, wait_for_end, write_generation
from harness.generator.schedule.abort_watch import ABORTED_STOP_SECONDS, AbortWatch
from harness.generator.users import fire_init, locust_environment
from harness.plan.environment import url_variable
from harness.record.leg import windows_of
from harness.record.readings import GENERATOR

if TYPE_CHECKING:
    from harness.record.generation import Aborted

POLL_SECONDS = 0.2
LOCAL_SECONDS, REMOTE_SECONDS, LOADING_SECONDS = 60.0, 1800.0, 120.0
LEAD_SECONDS = 1.0
"""Time between the start message and the origin, for every worker to receive it."""
DELIVERY_SECONDS, LOSS_DELIVERY_SECONDS = 30.0, 10.0
SILENT_SECONDS = messages.HEARTBEAT_SECONDS * (messages.HEARTBEATS_MISSED + 1)


def run_with_workers(leg: LegOptions, users: Sequence[type[User]], channel: TextIO) -> None:
    """Make the load of a leg with several processes; exits when workers or samples are missing."""
    messages.set_intervals()
    environment = locust_environment(leg.plan, users, None)  # workers reach the system under addresses of their own
    host, _, port = leg.bind.rpartition(":")
    runner = environment.create_master_runner(host, int(port))
    fire_init(runner)
    local_workers = LocalWorkers(f"{host}:{runner.server.port}", leg.out / "workers")
    try:
        if leg.remote is None:
            local_workers.start(leg.workers)
        Master(leg, runner, local_workers, channel).run()
    finally:
        local_workers.end()
        runner.server.close(linger=1000)


class Master:
    """The master's side of the protocol in ``messages``."""

    def __init__(
        self, leg: LegOptions, runner: runners.MasterRunner, local_workers: LocalWorkers, channel: TextIO
    ) -> None:
        self.leg, self.runner, self.local_workers, self.channel = leg, runner, local_workers, channel
        self.pool = WorkerPool(leg.workers)
        self.abort_watch = AbortWatch(leg.plan, leg.arm)
        self.aborted: Aborted | None = None
        self.reports = WorkerReports(leg.out, self.pool, self.abort_watch)
        self.origin_ns = 0
        runner.register_message(messages.HELLO, self._on_hello)
        runner.register_message(messages.PING, self._on_ping)
        runner.register_message(messages.READY, self._on_ready)
        runner.register_message(messages.DONE, self._on_done)
        runner.register_message(messages.FAILED, self._on_failed)
        runner.environment.events.worker_report.add_listener(self._on_report)

    def run(self) -> None:
        self._wait_for_workers()
        self._send_jobs()
        origin = self._send_start()
        ending = gevent.spawn(self._run_stages)
        reporting = gevent.spawn(self._report)
        while not ending.ready() and not self._find_lost() and not self.aborted:
            gevent.sleep(POLL_SECONDS)
        ending.kill()
        aborted, ended = self.aborted, self.second()
        self._finish()
        reporting.kill()
        self.reports.close()
        counted = self.runner.environment.stats.total.num_requests
        stages = self.leg.plan.stages
        windows = windows_of(stages, ended) if aborted else windows_of(stages)
        generation = generation_of(self.pool, counted, origin, windows, self.leg.out.name)
        write_generation(replace(generation, aborted=aborted), self.leg.out)
        for worker in self.pool.present:
            over = self.leg.last or bool(generation.lost or aborted)
            self.runner.send_message(messages.BYE, {"over": over}, worker.client)
        self.runner.greenlet.kill(block=True)

    def second(self) -> float:
        return (time.perf_counter_ns() - self.origin_ns) / 1e9

    def _wait_for_workers(self) -> None:
        """Wait until all workers are connected; people start those on other machines."""
        allowed = LOCAL_SECONDS if self.leg.remote is None else REMOTE_SECONDS
        deadline = time.monotonic() + allowed
        connected = None
        while not self.pool.complete:
            if connected != (connected := len(self.pool.workers)):
                self._print({"second": 0.0, "workers": len(self.pool.workers), "wanted": self.pool.wanted})
            if self.leg.remote is None:
                self._exit_if_lost()
            elif self._find_lost():  # it may be started again
                self.pool.dismiss_lost()
            if time.monotonic() > deadline:
                sys.exit(f"{len(self.pool.workers)} of {self.pool.wanted} workers connected in {allowed:.0f} s")
            gevent.sleep(POLL_SECONDS)

    def _send_jobs(self) -> None:
        """Send each worker its job, and wait until all are ready."""
        self.pool.number()
        leg, plan = self.leg, self.leg.plan
        root = Path(os.path.commonpath([leg.base, *(file.parent for file in leg.files)]))
        remote = leg.remote is not None
        job = {
            "plan": leg.text,
            "profile": plan.profile,
            "files": {str(file.relative_to(root)): file.read_bytes() for file in leg.files} if remote else {},
            "base": str(leg.base.relative_to(root) if remote else leg.base),
            "seed": leg.seed,
            "host": leg.host,
            "urls": {name: os.environ[name] for name in map(url_variable, plan.services)},
            "leg": leg.out.name,
            "of": self.pool.wanted,
        }
        for worker in self.pool.in_order:
            if worker.version != __version__:
                versions = f"{worker.name} runs harness {worker.version}, this is {__version__}"
                sys.exit(f"{versions}: install the same version")
            worker.inbox = Inbox(leg.out / "samples", worker.number)
            self.runner.send_message(messages.JOB, {**job, "index": worker.index}, worker.client)
        deadline = time.monotonic() + LOADING_SECONDS
        while waiting := [worker for worker in self.pool.in_order if worker.clock is None]:
            self._exit_if_lost()
            if time.monotonic() > deadline:
                sys.exit(f"{waiting[0].name} did not load the user files within {LOADING_SECONDS:.0f} s")
            gevent.sleep(POLL_SECONDS / 4)

    def _send_start(self) -> str:
        """Send all workers the common origin, a moment ahead; returns it as wall-clock time."""
        origin = (datetime.now(UTC) + timedelta(seconds=LEAD_SECONDS)).isoformat()
        self.origin_ns = time.perf_counter_ns() + round(LEAD_SECONDS * 1e9)
        for worker in self.pool.in_order:
            offset_ns = worker.clock["offset_ns"] if worker.clock else 0
            self.runner.send_message(messages.GO, {"origin_ns": self.origin_ns - offset_ns}, worker.client)
        gevent.sleep(max(-self.second(), 0))
        return origin

    def _run_stages(self) -> None:
        """Reach the users of each stage, which Locust spreads over the workers; ends with the last stage.

        Locust's own loop would end with its stop message, after which workers get nothing for ``stop_timeout``. In an
        open plan each worker dispatches its share of the arrivals.
        """
        if self.leg.plan.open:
            wait_for_end(self.leg.plan.stages, self.second)
        else:
            run_stages(self.leg.plan.stages, self.second, self.runner.start)

    def _find_lost(self) -> bool:
        ended = self.local_workers.ended() if self.leg.remote is None else {}
        for worker in self.pool.present:
            if worker.done is None and (how := self._loss_reason(worker, ended)):
                worker.lose(how, self.second())
        return len(self.pool.present) < len(self.pool.workers)

    def _loss_reason(self, worker: PoolWorker, ended: dict[int, str]) -> str:
        if worker.pid in ended:
            return ended[worker.pid]
        node = self.runner.clients.get(worker.client)
        if node is None:
            return "it disconnected"
        return f"no heartbeat for {SILENT_SECONDS} s" if node.state == runners.STATE_MISSING else ""

    def _exit_if_lost(self) -> None:
        if self._find_lost():
            worker = next(worker for worker in self.pool.in_order if worker.lost)
            sys.exit(f"{worker.name} was lost before the load began: {worker.lost}")
        if ended := self.local_workers.ended():
            sys.exit(f"a worker was lost before the load began: {next(iter(ended.values()))}")

    def _finish(self) -> None:
        """Let users end and the last samples arrive; a worker that does not deliver in time is lost."""
        broken = self._find_lost()
        stop_seconds = 0.0 if broken else self.leg.plan.load.stop_seconds
        if self.aborted:
            stop_seconds = min(stop_seconds, ABORTED_STOP_SECONDS)
        deadline = time.monotonic() + (LOSS_DELIVERY_SECONDS if broken else stop_seconds + DELIVERY_SECONDS)
        for worker in self.pool.present:
            self.runner.send_message(messages.FINISH, {"stop_seconds": stop_seconds}, worker.client)
        while waiting := [worker for worker in self.pool.present if worker.done is None]:
            self._find_lost()
            if time.monotonic() > deadline:
                for worker in waiting:
                    worker.lose("it did not deliver its last samples", self.second())
            gevent.sleep(POLL_SECONDS / 4)

    def _report(self) -> None:
        """Once a second: print a progress line, check the aborts, and read the master's CPU share."""
        requests = 0
        cpu, wall = time.process_time(), time.perf_counter()
        while True:
            gevent.sleep(1)
            cpu, wall, before = time.process_time(), time.perf_counter(), (cpu, wall)
            self.reports.read(
                time.perf_counter_ns() - self.origin_ns,
                f"{GENERATOR}-master",
                [("cpu_share", (cpu - before[0]) / max(wall - before[1], 1e-9))],
            )
            second = self.second()
            self.aborted = self.aborted or self.abort_watch.check(second)
            line = self.reports.progress()
            now, requests = line["requests"] - requests, line["requests"]
            where = stage_progress(self.leg.plan.stages, second)
            self._print({"second": second, **where, "users": self.runner.user_count, "rps": now, **line})

    def _print(self, line: dict[str, Any]) -> None:
        print(json.dumps(line), file=self.channel)

    def _on_hello(self, msg: Any, **_: object) -> None:  # noqa: ANN401 - Locust's message has no types
        if not self.pool.add(msg.node_id, msg.data):
            wanted = self.pool.wanted
            refused = f"the run already has its {wanted} workers; start it with --workers {wanted + 1}"
            self.runner.send_message(messages.JOB, {"refused": refused}, msg.node_id)

    def _on_ping(self, msg: Any, **_: object) -> None:  # noqa: ANN401
        received = time.perf_counter_ns()
        pong = {"sent": msg.data["sent"], "received": received, "returned": time.perf_counter_ns()}
        self.runner.send_message(messages.PONG, pong, msg.node_id)

    def _on_ready(self, msg: Any, **_: object) -> None:  # noqa: ANN401
        self.pool.workers[msg.node_id].clock = msg.data

    def _on_done(self, msg: Any, **_: object) -> None:  # noqa: ANN401
        self.pool.workers[msg.node_id].done = msg.data

    def _on_failed(self, msg: Any, **_: object) -> None:  # noqa: ANN401
        if worker := self.pool.workers.get(msg.node_id):
            worker.lose(str(msg.data["error"]), self.second() if self.origin_ns else 0.0)

    def _on_report(self, client_id: str, data: dict[str, Any]) -> None:
        if taken := self.reports.take(client_id, data.get(messages.KEY)):
            self.runner.send_message(messages.TAKEN, {"parts": taken}, client_id)
