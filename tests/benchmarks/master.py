"""``python tests/benchmarks/master.py``: what the master of many workers costs, as a curve over time.

A real master leads one leg. Its workers are played by one process with a zmq DEALER socket each, which speaks Locust's
protocol and the messages of ``harness.generator.distributed.messages``, and sends the same part again and again: the
load is replayed, not generated, so that one machine can play two hundred.
"""

import argparse
import contextlib
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import psutil
import pyarrow as pa
import zmq

from harness import __version__
from harness.record.samples import SCHEMA, write_part

PART_SECONDS, ON_THE_WAY = 5, 4
PLAN = """\
schema = 1
name = "replayed"
[environment]
kind = "local"
serve = "serve {port}"
[arms.before]
[arms.after]
[load]
users = ["users.py"]
[[stages]]
kind = "sustain"
seconds = SECONDS
users = USERS
"""
USERS = """
from locust import User, task
class Reader(User):
    @task
    def read(self): ...
"""


@dataclass(slots=True)
class Worker:
    """One simulated worker."""

    id: str
    socket: "zmq.Socket[bytes]"
    origin_ns: int = 0
    reports: int = 0
    part: int = 0
    underway: dict[int, float] = field(default_factory=dict)
    rows: int = 0
    finishing: bool = False
    done: bool = False
    over: bool = False

    def say(self, kind: str, data: object) -> None:
        self.socket.send(msgpack.dumps((kind, data, self.id)))


class Troupe:
    """All workers, the part that they send, and what happened to it."""

    def __init__(self, address: str, count: int, rate: int, seconds: int) -> None:
        self.parts = seconds // PART_SECONDS
        self.rows, self.content = a_part(rate * PART_SECONDS)
        self.slowest = 0.0
        self.latencies = Counter(dict.fromkeys(range(100, 300), max(rate // 200, 1)))
        context = zmq.Context()
        context.set(zmq.MAX_SOCKETS, count + 10)
        self.poller = zmq.Poller()
        self.workers: dict[Any, Worker] = {}
        for number in range(count):
            made = context.socket(zmq.DEALER)
            worker = Worker(f"replay_{number:03d}", made)
            made.setsockopt(zmq.IDENTITY, worker.id.encode())
            made.setsockopt(zmq.LINGER, 0)
            made.connect(f"tcp://{address}")
            self.poller.register(made, zmq.POLLIN)
            self.workers[made] = worker
            worker.say("client_ready", version("locust"))
            worker.say("harness_hello", {"host": "replay", "pid": number, "slot": number, "version": __version__})

    @property
    def over(self) -> bool:
        return all(worker.over for worker in self.workers.values())

    def step(self) -> None:
        """Read the messages of the master and send due reports."""
        for made, _ in self.poller.poll(5):
            with contextlib.suppress(zmq.Again):
                while True:
                    kind, data, _ = msgpack.loads(made.recv(zmq.NOBLOCK), strict_map_key=False)
                    self.hear(self.workers[made], kind, data)
        now = time.perf_counter_ns()
        for number, worker in enumerate(self.workers.values()):
            shift = number / len(self.workers)  # they do not all report in the same moment
            if worker.origin_ns and not worker.done and (now - worker.origin_ns) / 1e9 > worker.reports + 1 + shift:
                self.report(worker)

    def hear(self, worker: Worker, kind: str, data: Any) -> None:  # noqa: ANN401
        match kind:
            case "harness_job":
                worker.say("harness_ready", {"offset_ns": 0, "uncertainty_ns": 0})
            case "harness_go":
                worker.origin_ns = data["origin_ns"]
                worker.say("heartbeat", self.beat())
            case "spawn":
                counts = data["user_classes_count"]
                worker.say("spawning", None)
                worker.say("spawning_complete", {"user_classes_count": counts, "user_count": sum(counts.values())})
            case "harness_taken":
                for number in data["parts"]:
                    self.slowest = max(self.slowest, time.monotonic() - worker.underway.pop(number))
            case "harness_finish":
                worker.finishing = True
            case "harness_bye" | "quit":
                worker.over = True

    def report(self, worker: Worker) -> None:
        """One second's report, as Locust's stats_reporter sends it; every fifth has a part."""
        worker.reports += 1
        parts = {}
        due = (worker.finishing or worker.reports % PART_SECONDS == 0) and worker.part < self.parts
        if due and len(worker.underway) < ON_THE_WAY:
            worker.part += 1
            worker.rows += self.rows
            worker.underway[worker.part] = time.monotonic()
            parts = {worker.part: self.content}
        second = int(time.time())
        requests = self.rows if parts else 0
        total = {
            "name": "Aggregated",
            "method": "",
            "last_request_timestamp": float(second),
            "start_time": float(second),
            "num_requests": requests,
            "num_none_requests": 0,
            "num_failures": 0,
            "total_response_time": requests * 20,
            "max_response_time": 300,
            "min_response_time": 1,
            "total_content_length": requests,
            "response_times": dict.fromkeys(range(100, 200), requests // 100),
            "num_reqs_per_sec": {second: requests},
            "num_fail_per_sec": {},
        }
        at = time.perf_counter_ns() - worker.origin_ns
        own = {
            "requests": worker.rows,
            "failures": 0,
            "recent": self.latencies,
            "answers": [],
            "readings": [(at, "cpu_share", 0.5), (at, "users", 5.0)],
            "parts": parts,
        }
        stats = {"stats": [{**total, "name": "/", "method": "GET"}], "stats_total": total, "errors": {}}
        worker.say("stats", {**stats, "user_classes_count": {"Reader": 5}, "user_count": 5, "harness": own})
        worker.say("heartbeat", self.beat())
        if worker.finishing and worker.part == self.parts and not worker.underway:
            done = {"user_errors": 0, "cpu_share": 0.5, "lag_p99_ms": 1.0, "drift_ns": 0, "gc_pause_ms": 0.0}
            closed: dict[str, object] = {"offered": [], "schedule_lag_p99_ms": None}
            worker.say("harness_done", {"requests": worker.rows, "counted": worker.rows, **done, **closed})
            worker.done = True

    @staticmethod
    def beat() -> dict[str, object]:
        return {"state": "running", "current_cpu_usage": 50, "current_memory_usage": 1}


def a_part(rows: int) -> tuple[int, bytes]:
    """A part as a worker makes it, of made-up requests."""
    chance = np.random.default_rng(1)
    due = np.sort(chance.integers(0, PART_SECONDS * 10**9, rows))
    columns: dict[str, Any] = {
        "due_ns": due,
        "sent_ns": due + chance.integers(0, 10**5, rows),
        "duration_ns": (20e6 * chance.lognormal(0, 0.8, rows)).astype(np.int64),
        "endpoint": chance.choice(["GET /items/{id}", "GET /items", "POST /items"], rows),
        "status": np.full(rows, 200),
        "size_bytes": chance.integers(200, 4000, rows),
        "error": [None] * rows,
        "cache": [None] * rows,
        "queries": [None] * rows,
        "db_ms": [None] * rows,
    }
    table = pa.table([pa.array(columns[column.name]).cast(column.type) for column in SCHEMA], schema=SCHEMA)
    with tempfile.TemporaryDirectory() as folder:
        return rows, write_part(table, Path(folder), 1).read_bytes()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=200)
    parser.add_argument("--rate", type=int, default=5000, help="requests per second of each worker")
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "users.py").write_text(USERS)
        plan = PLAN.replace("SECONDS", str(options.seconds)).replace("USERS", str(options.workers * 5))
        (folder / "plan.toml").write_text(plan)
        address = f"127.0.0.1:{free_port()}"
        command = [sys.executable, "-m", "harness.generator", "run", str(folder / "plan.toml"), "--base", name]
        command += ["--out", str(folder / "01-before"), "--workers", str(options.workers), "--bind", address, "--last"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as master:
            try:
                troupe = replay(master.pid, Troupe(address, options.workers, options.rate, options.seconds))
                status = master.wait(60)
            finally:
                master.kill()
        return judged(status, folder / "01-before", troupe)


def replay(pid: int, troupe: Troupe) -> Troupe:
    """Simulate all workers to the end; print a line of the master's cost every five seconds."""
    process, me = psutil.Process(pid), psutil.Process()
    print(f"{'second':>6} {'master CPU':>10} {'replay CPU':>10} {'RSS MB':>7} {'rows sent':>11} {'slowest ack s':>13}")
    process.cpu_percent(), me.cpu_percent()
    last = time.monotonic()
    first = next(iter(troupe.workers.values()))
    while not troupe.over:
        troupe.step()
        if time.monotonic() - last >= PART_SECONDS and process.is_running() and process.status() != "zombie":
            last = time.monotonic()
            second = (time.perf_counter_ns() - first.origin_ns) / 1e9 if first.origin_ns else 0
            rows = sum(worker.rows for worker in troupe.workers.values())
            line = f"{second:6.0f} {process.cpu_percent() / 100:10.2f} {me.cpu_percent() / 100:10.2f}"
            print(f"{line} {process.memory_info().rss / 1e6:7.0f} {rows:11,} {troupe.slowest:13.2f}", flush=True)
            troupe.slowest = 0.0
        elif process.status() == "zombie":
            break
    return troupe


def judged(status: int, out: Path, troupe: Troupe) -> int:
    """Print what is on disk, and hold it against what was sent."""
    sent = sum(worker.rows for worker in troupe.workers.values())
    if status or not (out / "windows.json").exists():
        print(f"the master ended with status {status}")
        return 1
    generation = json.loads((out / "windows.json").read_text())
    parts = list((out / "samples").glob("*.parquet"))
    size = sum(part.stat().st_size for part in parts)
    print(f"{generation['requests']:,} rows on disk in {len(parts):,} parts, {size / 1e6:,.0f} MB, ", end="")
    print(f"{size / max(sent, 1):.1f} bytes a row; {sent:,} were sent; {len(generation['lost'])} workers lost")
    return int(generation["requests"] != sent or bool(generation["lost"]))


if __name__ == "__main__":
    sys.exit(main())
