"""Master: lead the workers of one leg: gather, brief, start, watch and collect.

It makes no requests itself. What it holds does not grow with the run: parts go to disk as they come, readings every
few seconds.
"""

from locust import User, events, runners  # isort: skip - first: it patches the process

import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import gevent
from locust.env import Environment

from harness import __version__
from harness.generator.distributed import messages
from harness.generator.distributed.account import add_up
from harness.generator.distributed.children import Children
from harness.generator.distributed.collection import Collection
from harness.generator.distributed.sample_transfer import Intake
from harness.generator.distributed.worker_pool import Member, WorkerPool
from harness.generator.schedule.abort_watch import ABORTED_STOP_SECONDS, AbortWatch
from harness.generator.schedule.arrivals import stage_at
from harness.generator.schedule.stages import conduct, sit_out
from harness.generator.single import write_generation
from harness.generator.users import greet_users
from harness.plan.environment import url_variable
from harness.plan.model import Plan
from harness.record.leg import windows_of
from harness.record.readings import GENERATOR

if TYPE_CHECKING:
    from harness.record.generation import Aborted

LOOK_SECONDS = 0.2
LOCAL_SECONDS, REMOTE_SECONDS, BRIEFING_SECONDS = 60.0, 1800.0, 120.0
LEAD_SECONDS = 1.0
"""From the last preparation to the origin: time for every worker to hear of it."""
DELIVERY_SECONDS, LAST_WORDS_SECONDS = 30.0, 10.0
SILENT_SECONDS = messages.HEARTBEAT_SECONDS * (messages.HEARTBEATS_MISSED + 1)


@dataclass(frozen=True, slots=True)
class Order:
    """What the master is to do.

    Attributes:
        text: of the plan, as the workers read it.
        files: the user files and what they import, sent to workers of other machines.
        arm: which the leg measures.
        remote: how many workers of other machines to wait for; ``None``: start the plan's processes here.
        bind: ``HOST:PORT`` where workers reach the master; port 0 is any free one.
        last: no further leg follows.
    """

    plan: Plan
    text: str
    base: Path
    files: tuple[Path, ...]
    host: str
    seed: int
    arm: str
    out: Path
    remote: int | None
    bind: str
    last: bool

    @property
    def wanted(self) -> int:
        """How many workers there are to be."""
        return self.plan.load.processes if self.remote is None else self.remote


def run_with_workers(order: Order, users: Sequence[type[User]], channel: TextIO) -> None:
    """Make the load of a leg with several processes.

    Raises:
        SystemExit: when they do not come, cannot load the user files, or samples do not add up.
    """
    messages.set_intervals()
    environment = Environment(
        user_classes=list(users),
        events=events,
        host=None,  # Locust would give it to all workers, who have it in words of their own
        stop_timeout=order.plan.load.stop_seconds,
        reset_stats=False,
    )
    host, _, port = order.bind.rpartition(":")
    runner = environment.create_master_runner(host, int(port))
    greet_users(runner)
    children = Children(f"{host}:{runner.server.port}", order.out / "workers")
    try:
        if order.remote is None:
            children.start(order.wanted)
        Master(order, runner, children, channel).lead()
    finally:
        children.end()
        runner.server.close(linger=1000)


class Master:
    """The master's side of the conversation."""

    def __init__(self, order: Order, runner: runners.MasterRunner, children: Children, channel: TextIO) -> None:
        self.order, self.runner, self.children, self.channel = order, runner, children, channel
        self.crew = WorkerPool(order.wanted)
        self.limit = AbortWatch(order.plan, order.arm)
        self.aborted: Aborted | None = None
        self.collection = Collection(order.out, self.crew, self.limit)
        self.origin_ns = 0
        runner.register_message(messages.HELLO, self._on_hello)
        runner.register_message(messages.PING, self._on_ping)
        runner.register_message(messages.READY, self._on_ready)
        runner.register_message(messages.DONE, self._on_done)
        runner.register_message(messages.FAILED, self._on_failed)
        runner.environment.events.worker_report.add_listener(self._on_report)

    def lead(self) -> None:
        """One leg, from the first hello to the last bye."""
        self._gather()
        self._brief()
        origin = self._start()
        ending = gevent.spawn(self._conduct)
        reporting = gevent.spawn(self._report)
        while not ending.ready() and not self._lost() and not self.aborted:
            gevent.sleep(LOOK_SECONDS)
        ending.kill()
        aborted, ended = self.aborted, self.second()
        self._finish()
        reporting.kill()
        self.collection.close()
        counted = self.runner.environment.stats.total.num_requests
        stages = self.order.plan.stages
        windows = windows_of(stages, ended) if aborted else windows_of(stages)
        generation = add_up(self.crew, counted, origin, windows, self.order.out.name)
        write_generation(replace(generation, aborted=aborted), self.order.out)
        for member in self.crew.present:  # a loss ends the run, and so does a danger
            self.runner.send_message(
                messages.BYE, {"over": self.order.last or bool(generation.lost or aborted)}, member.client
            )
        self.runner.greenlet.kill(block=True)

    def second(self) -> float:
        """Seconds since the origin."""
        return (time.perf_counter_ns() - self.origin_ns) / 1e9

    def _gather(self) -> None:
        """Wait until all are there; those of other machines have people to start them."""
        allowed = LOCAL_SECONDS if self.order.remote is None else REMOTE_SECONDS
        deadline = time.monotonic() + allowed
        said = None
        while not self.crew.complete:
            if said != (said := len(self.crew.members)):
                self._say({"second": 0.0, "workers": len(self.crew.members), "wanted": self.crew.wanted})
            if self.order.remote is None:
                self._no_losses()
            elif self._lost():  # somebody may start it again
                self.crew.dismiss_lost()
            if time.monotonic() > deadline:
                sys.exit(f"{len(self.crew.members)} of {self.crew.wanted} workers came in {allowed:.0f} s")
            gevent.sleep(LOOK_SECONDS)

    def _brief(self) -> None:
        """Tell everybody what to do, and wait until all are ready."""
        self.crew.number()
        order, plan = self.order, self.order.plan
        root = Path(os.path.commonpath([order.base, *(file.parent for file in order.files)]))
        remote = order.remote is not None
        job = {
            "plan": order.text,
            "profile": plan.profile,
            "files": {str(file.relative_to(root)): file.read_bytes() for file in order.files} if remote else {},
            "base": str(order.base.relative_to(root) if remote else order.base),
            "seed": order.seed,
            "host": order.host,
            "urls": {name: os.environ[name] for name in map(url_variable, plan.services)},
            "leg": order.out.name,
            "of": self.crew.wanted,
        }
        for member in self.crew.in_order:
            if member.version != __version__:
                sys.exit(f"{member.name} is of harness {member.version}, this is {__version__}: install the same")
            member.intake = Intake(order.out / "samples", member.number)
            self.runner.send_message(messages.JOB, {**job, "index": member.index}, member.client)
        deadline = time.monotonic() + BRIEFING_SECONDS
        while waiting := [member for member in self.crew.in_order if member.clock is None]:
            self._no_losses()
            if time.monotonic() > deadline:
                sys.exit(f"{waiting[0].name} did not load the user files in {BRIEFING_SECONDS:.0f} s")
            gevent.sleep(LOOK_SECONDS / 4)

    def _start(self) -> str:
        """Tell everybody the common origin, a moment ahead; returns it as wall-clock time."""
        lead = timedelta(seconds=LEAD_SECONDS)
        origin = (datetime.now(UTC) + lead).isoformat()
        self.origin_ns = time.perf_counter_ns() + round(LEAD_SECONDS * 1e9)
        for member in self.crew.in_order:
            offset_ns = member.clock["offset_ns"] if member.clock else 0
            self.runner.send_message(messages.GO, {"origin_ns": self.origin_ns - offset_ns}, member.client)
        gevent.sleep(max(-self.second(), 0))
        return origin

    def _conduct(self) -> None:
        """Head for the users of each stage, whom Locust spreads over the workers; ends with the last stage.

        Locust's own loop would end with its stop message, after which a worker hears nothing for ``stop_timeout``. In
        an open plan every worker gives out its share of the arrivals by itself.
        """
        if self.order.plan.open:
            sit_out(self.order.plan.stages, self.second)
        else:
            conduct(self.order.plan.stages, self.second, self.runner.start)

    def _lost(self) -> bool:
        """Note who is lost; returns whether anybody is."""
        ended = self.children.ended() if self.order.remote is None else {}
        for member in self.crew.present:
            if member.done is None and (how := self._missing(member, ended)):
                member.lose(how, self.second())
        return len(self.crew.present) < len(self.crew.members)

    def _missing(self, member: Member, ended: dict[int, str]) -> str:
        """Why a worker is lost; empty when it is not."""
        if member.pid in ended:
            return ended[member.pid]
        node = self.runner.clients.get(member.client)
        if node is None:
            return "it left"
        return f"not heard of for {SILENT_SECONDS} s" if node.state == runners.STATE_MISSING else ""

    def _no_losses(self) -> None:
        """End when a worker is lost before the load.

        Raises:
            SystemExit: naming it.
        """
        if self._lost():
            member = next(member for member in self.crew.in_order if member.lost)
            sys.exit(f"{member.name} was lost before the load began: {member.lost}")
        if ended := self.children.ended():
            sys.exit(f"a worker was lost before the load began: {next(iter(ended.values()))}")

    def _finish(self) -> None:
        """Let the users end and the last samples arrive; who does not deliver in time is lost."""
        broken = self._lost()
        stop_seconds = 0.0 if broken else self.order.plan.load.stop_seconds
        if self.aborted:
            stop_seconds = min(stop_seconds, ABORTED_STOP_SECONDS)
        deadline = time.monotonic() + (LAST_WORDS_SECONDS if broken else stop_seconds + DELIVERY_SECONDS)
        for member in self.crew.present:
            self.runner.send_message(messages.FINISH, {"stop_seconds": stop_seconds}, member.client)
        while waiting := [member for member in self.crew.present if member.done is None]:
            self._lost()
            if time.monotonic() > deadline:
                for member in waiting:
                    member.lose("it did not deliver its last samples", self.second())
            gevent.sleep(LOOK_SECONDS / 4)

    def _report(self) -> None:
        """Once a second: tell the parent how it goes, and read the master's own CPU share."""
        requests = 0
        cpu, wall = time.process_time(), time.perf_counter()
        while True:
            gevent.sleep(1)
            cpu, wall, before = time.process_time(), time.perf_counter(), (cpu, wall)
            self.collection.read(
                time.perf_counter_ns() - self.origin_ns,
                f"{GENERATOR}-master",
                [("cpu_share", (cpu - before[0]) / max(wall - before[1], 1e-9))],
            )
            second = self.second()
            self.aborted = self.aborted or self.limit.look(second)
            place = stage_at(self.order.plan.stages, second)
            line = self.collection.progress()
            now, requests = line["requests"] - requests, line["requests"]
            where = {"stage": place[0] if place else None, "stage_second": place[1] if place else None}
            self._say({"second": second, **where, "users": self.runner.user_count, "rps": now, **line})

    def _say(self, line: dict[str, Any]) -> None:
        print(json.dumps(line), file=self.channel)

    def _on_hello(self, msg: Any, **_: object) -> None:  # noqa: ANN401 - Locust's message has no types
        if not self.crew.greet(msg.node_id, msg.data):
            refused = f"the run has all its {self.crew.wanted} workers; start it with --workers {self.crew.wanted + 1}"
            self.runner.send_message(messages.JOB, {"refused": refused}, msg.node_id)

    def _on_ping(self, msg: Any, **_: object) -> None:  # noqa: ANN401
        received = time.perf_counter_ns()
        pong = {"sent": msg.data["sent"], "received": received, "returned": time.perf_counter_ns()}
        self.runner.send_message(messages.PONG, pong, msg.node_id)

    def _on_ready(self, msg: Any, **_: object) -> None:  # noqa: ANN401
        self.crew.members[msg.node_id].clock = msg.data

    def _on_done(self, msg: Any, **_: object) -> None:  # noqa: ANN401
        self.crew.members[msg.node_id].done = msg.data

    def _on_failed(self, msg: Any, **_: object) -> None:  # noqa: ANN401
        if member := self.crew.members.get(msg.node_id):
            member.lose(str(msg.data["error"]), self.second() if self.origin_ns else 0.0)

    def _on_report(self, client_id: str, data: dict[str, Any]) -> None:
        if taken := self.collection.take(client_id, data.get(messages.KEY)):
            self.runner.send_message(messages.TAKEN, {"parts": taken}, client_id)
