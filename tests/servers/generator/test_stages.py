"""Stages in time: when users start and stop, when arrivals are due, and how a frozen server shows in both clocks."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from pydantic import TypeAdapter

from harness.generator.schedule.arrivals import due_times
from harness.plan.file import parse_plan
from harness.record.generation import Generation
from harness.record.samples import latency_ms, read_samples
from harness.run.generator_process import Job, Progress, generate

SERVER = """
import asyncio


async def serve(reader, writer):
    try:
        while await reader.readuntil(b"\\r\\n\\r\\n"):
            writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""
HEAD = """
schema = 1
name = "stages"
[environment]
kind = "local"
serve = "true {port}"
[arms.before]
[arms.after]
[load]
users = ["users.py"]
stop_seconds = 5
"""
READER = """
from harness.generator import HttpUser
from locust import task

class Reader(HttpUser):
    @task
    def read(self):
        self.client.get("/items/7", name="/items/{id}")
"""
COMING_AND_GOING = """
import time
from locust import User, constant, task

class Guest(User):
    wait_time = constant(0.01)

    def note(self, what):
        self.environment.events.request.fire(request_type=what, name="guest", response_time=0, response_length=0,
                                             start_time=time.time(), exception=None, context={}, response=None)
    def on_start(self):
        self.note("COME")

    def on_stop(self):
        self.note("GO")

    @task
    def nothing(self):
        pass
"""
OF_EVERY_KIND = """
import itertools
from harness.generator import HttpUser
from locust import FastHttpUser, SequentialTaskSet, TaskSet, constant, task
from locust.exception import StopUser

class Plain(FastHttpUser):
    weight = 3
    wait_time = constant(1000)  # no wait time is waited for

    def on_start(self):
        self.client.get("/start", name="/start")

    @task
    def read(self):
        self.client.get("/plain", name="/plain")

class Nested(HttpUser):
    wait_time = constant(1000)

    @task
    class Basket(SequentialTaskSet):
        @task
        def one(self):
            self.client.get("/one", name="/one")

        @task
        def two(self):
            self.client.get("/two", name="/two")
            self.client.get("/two", name="/two again")

        @task
        def three(self):
            self.interrupt()

class Leaving(HttpUser):
    wait_time = constant(1000)

    @task
    def last(self):
        self.client.get("/last", name="/last")
        raise StopUser()

class Watchman(HttpUser):
    fixed_count = 1
    wait_time = constant(0.5)

    @task
    def look(self):
        self.client.get("/look", name="/look")
"""


UNIFORM = """[load]
arrivals = "uniform"
"""
ARRIVING = ("/plain", "/one", "/two", "/last")

Made = tuple[Generation, pa.Table]


def stage(kind: str, seconds: int, more: str) -> str:
    return f'\n[[stages]]\nkind = "{kind}"\nname = "{kind}, {more}"\nseconds = {seconds}\n{more}\n'


@pytest.fixture
def server() -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def made(
    folder: Path, server: "subprocess.Popen[str]", users: str, plan: str, freeze: tuple[float, float] = (0, 0)
) -> Made:
    """One leg; the server is stopped at a second for some seconds."""
    assert server.stdout
    (folder / "users.py").write_text(users)
    (folder / "plan.toml").write_text(plan)
    host, out = f"http://127.0.0.1:{int(server.stdout.readline())}", folder / "trials" / "01-before"
    begun: list[Progress] = []

    def follow(progress: Progress) -> None:
        if begun or not freeze[1]:
            return
        begun.append(progress)
        stopping = Timer(freeze[0] - progress.second, os.kill, (server.pid, signal.SIGSTOP))
        Timer(freeze[0] - progress.second + freeze[1], os.kill, (server.pid, signal.SIGCONT)).start()
        stopping.start()

    generate(
        Job(parse_plan(plan), folder / "plan.toml", folder, host, out, folder / "log", "label", 3),
        on_progress=follow,
        check=lambda: None,
    )
    generation = TypeAdapter(Generation).validate_json((out / "windows.json").read_bytes())
    return generation, read_samples(out / "samples")


def seconds(samples: pa.Table, endpoint: str, column: str = "due_ns") -> NDArray[np.float64]:
    """Due or start times of an endpoint's requests."""
    chosen = samples["endpoint"].to_pandas().astype(str).to_numpy() == endpoint
    return np.sort(samples[column].to_numpy()[chosen] / 1e9)


def test_users_start_and_stop_at_the_planned_second(tmp_path: Path, server: "subprocess.Popen[str]") -> None:
    stages = (
        stage("ramp", 3, "users = 9"),
        stage("sustain", 2, "users = 9"),
        stage("stress", 2, "users = 40"),
        stage("peak", 2, "users = 4"),
    )
    _, samples = made(tmp_path, server, COMING_AND_GOING, HEAD + "".join(stages))
    come, gone = seconds(samples, "COME guest"), seconds(samples, "GO guest")
    assert len(come) == len(gone) == 40
    assert come[:9] == pytest.approx([0, 0, 0, 1, 1, 1, 2, 2, 2], abs=0.15)
    assert come[9:] == pytest.approx([5] * 31, abs=0.15)
    assert gone[:36] == pytest.approx([7] * 36, abs=0.15)
    assert gone[36:] == pytest.approx([9] * 4, abs=0.15)


def test_arrivals_start_on_time_whatever_the_wait_times(tmp_path: Path, server: "subprocess.Popen[str]") -> None:
    stages = stage("ramp", 2, "rate = 60") + stage("sustain", 3, "rate = 60")
    generation, samples = made(tmp_path, server, OF_EVERY_KIND, HEAD.replace("[load]", UNIFORM) + stages)
    assert [(part.planned, part.started, part.late) for part in generation.offered] == [(60, 60, 0), (180, 180, 0)]
    arrived = sorted(due for name in ARRIVING for due in seconds(samples, f"GET {name}"))
    planned = np.concatenate(list(due_times(parse_plan((tmp_path / "plan.toml").read_text()).stages, "uniform", 3)))
    quiet = 240 - len(arrived)  # the tasks that asked nothing: the ends of baskets
    assert 5 < quiet < 60
    assert set(np.round(arrived, 6)) <= set(np.round(planned, 6))
    counts = {name: len(seconds(samples, f"GET {name}")) for name in (*ARRIVING, "/two again", "/look", "/start")}
    assert counts["/one"] >= counts["/two"] == counts["/two again"] >= quiet
    assert counts["/plain"] > counts["/one"] > 5
    assert counts["/last"] > 3  # each of them by a user of its own
    assert counts["/look"] == pytest.approx(10, abs=2)  # half a second apart, beside the arrivals
    assert np.diff(seconds(samples, "GET /look")).min() > 0.45
    assert counts["/start"] >= 5
    assert generation.schedule_lag_p99_ms is not None
    assert generation.user_errors == 0


@pytest.mark.parametrize("users", [400, 10], ids=["users enough", "few users"])
def test_a_frozen_server_is_measured_in_full(tmp_path: Path, server: "subprocess.Popen[str]", users: int) -> None:
    """Of 600 arrivals in 6 s, those of the frozen 1.2 s wait for its end: P95 is 0.9 s and P99 1.14 s by arithmetic."""
    stages = stage("sustain", 6, f"rate = 100\nusers = {users}")
    plan = HEAD.replace("[load]", UNIFORM) + stages.replace(f", rate = 100\nusers = {users}", "")
    generation, samples = made(tmp_path, server, READER, plan, freeze=(2, 1.2))
    (offered,) = generation.offered
    assert (offered.planned, offered.started, offered.dropped) == (600, 600, 0)
    p95, p99 = np.percentile(latency_ms(samples), [95, 99], method="inverted_cdf")
    assert p95 == pytest.approx(900, rel=0.1)
    assert p99 == pytest.approx(1140, rel=0.1)
    served = np.percentile(samples["duration_ns"].to_numpy() / 1e6, 95, method="inverted_cdf")
    if users == 10:
        assert served < 100  # a measurement that counts from sending sees next to nothing of it
        assert offered.late > 80
        assert offered.most_users == 10
    else:
        assert served == pytest.approx(p95, rel=0.1)
        assert offered.late < 30
        assert 100 < offered.most_users <= 130
