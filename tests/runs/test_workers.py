"""Distributed load: the samples of several worker processes together, and lost workers."""

import json
import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pytest

from harness.environment.servers import free_ports
from harness.plan.file import parse_plan
from harness.record.readings import read_readings
from harness.record.samples import latency_ms, read_samples
from harness.run.generator_process import Job, Progress, Remote, generate
from tests.runs.project import PLAN, Project

LOGNORMAL = """
import asyncio, random, sys

chance = random.Random(5)


async def serve(reader, writer):
    try:
        while await reader.readuntil(b"\\r\\n\\r\\n"):
            await asyncio.sleep(0.02 * chance.lognormvariate(0, 0.6))
            writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main():
    server = await asyncio.start_server(serve, sys.argv[1], int(sys.argv[2]))
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""
USERS = """
import os, random
from names import NAME
from locust import FastHttpUser, constant, task


class Reader(FastHttpUser):
    wait_time = constant(0.02)

    def on_start(self):
        self.client.get("/" + os.environ.get("HARNESS_WORKER", "alone"), name="first draw %.6f" % random.random())

    @task
    def read(self):
        self.client.get("/items/7", name=NAME)
"""
SECONDS, USERS_AT_ONCE = 5, 24
QUICK = (
    PLAN.replace("seconds = 1\nusers = 5", f"seconds = 1\nusers = {USERS_AT_ONCE}")
    .replace("seconds = 2\nusers = 5", f"seconds = {SECONDS}\nusers = {USERS_AT_ONCE}")
    .replace("seed = 1", "seed = 1\nprocesses = {processes}\nstop_seconds = 5")
)
LONG = PLAN.replace("seconds = 2\n", "seconds = 40\n").replace("seed = 1", "seed = 1\nprocesses = 2\nstop_seconds = 5")


@dataclass
class Leg:
    """The record of one leg of ``generate``."""

    folder: Path
    heard: list[Progress]

    def __post_init__(self) -> None:
        self.generation = json.loads((self.folder / "windows.json").read_text())
        self.samples = read_samples(self.folder / "samples")
        assert set(self.samples["error"].to_pylist()) <= {None}

    def percentiles(self) -> tuple[float, float]:
        """P50 and P95 of the sustained stage."""
        due = self.samples["due_ns"].to_numpy() / 1e9
        inside = latency_ms(self.samples)[(due >= 1) & (due < 1 + SECONDS)]
        p50, p95 = np.percentile(inside, [50, 95], method="inverted_cdf")
        return float(p50), float(p95)


def prepared(folder: Path, processes: int) -> Path:
    (folder / "plan.toml").write_text(QUICK.replace("{processes}", str(processes)))
    (folder / "users.py").write_text(USERS)
    (folder / "names.py").write_text('NAME = "/items/{id}"')
    return folder


def led(folder: Path, host: str, name: str, remote: Remote | None = None) -> Leg:
    heard: list[Progress] = []
    job = Job(
        plan=parse_plan((folder / "plan.toml").read_text()),
        plan_path=folder / "plan.toml",
        base=folder,
        host=host,
        out=folder / name,
        log=folder / f"{name}.log",
        label="label",
        seed=3,
        remote=remote,
        last=True,
    )
    generate(job, on_progress=heard.append, check=lambda: None)
    return Leg(folder / name, heard)


@pytest.fixture
def lognormal() -> Iterator[str]:
    """A server that answers after a time of known distribution; yields its base URL."""
    with subprocess.Popen(
        [sys.executable, "-c", LOGNORMAL, "127.0.0.1", "0"], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        server.kill()


def test_several_processes_measure_the_same_as_one(tmp_path: Path, lognormal: str) -> None:
    legs = {}
    for processes in (1, 3):
        legs[processes] = leg = led(prepared(tmp_path, processes), lognormal, f"{processes:02d}-before")
        generation, workers = leg.generation, leg.generation["workers"]
        assert len(workers) == (0 if processes == 1 else processes)
        assert len(leg.samples) == generation["requests"] > 1000
        for number, worker in enumerate(workers, start=1):
            own = read_samples_of(leg.folder, number)
            assert own == worker["requests"] > generation["requests"] / processes / 2
            assert abs(worker["clock_offset_ms"]) <= worker["clock_uncertainty_ms"]  # one machine has one clock
        assert max(progress.users for progress in leg.heard) == USERS_AT_ONCE
        assert not (leg.folder / "workers").exists()
    assert legs[3].percentiles() == pytest.approx(legs[1].percentiles(), rel=0.25)
    draws = {name for name in legs[3].samples["endpoint"].to_pylist() if "first draw" in str(name)}
    assert len(draws) == USERS_AT_ONCE  # no two users of two processes draw the same
    sources = {str(name) for path in legs[3].folder.glob("readings*") for name in sources_of(path)}
    assert sources == {"generator-master", *(f"generator-{number}" for number in range(1, 4))}


def read_samples_of(folder: Path, number: int) -> int:
    parts = list((folder / "samples").glob(f"{number:03d}-*.parquet"))
    copy = folder / f"only-{number}"
    copy.mkdir()
    for part in parts:
        os.link(part, copy / part.name)
    return len(read_samples(copy))


def sources_of(path: Path) -> set[object]:
    return set(read_readings(path)["source"].to_pylist())


def workers_of(project: Project) -> list[psutil.Process]:
    return [process for process in project.alive() if {"work", "--slot"} <= {*process.cmdline()}]


def leaders_of(project: Project) -> list[psutil.Process]:
    return [process for process in project.alive() if {"harness.generator", "run"} <= {*process.cmdline()}]


@pytest.fixture
def loading(project: Project) -> "subprocess.Popen[str]":
    """A run with two processes, in the middle of its first leg, with samples on disk."""
    project.write(LONG)
    run = project.start("run", "plan.toml", "--plain")
    project.wait_for(lambda: len(list(project.folder.glob("runs/*/trials/01-*/samples/*.parquet"))) >= 2, 60)
    return run


@pytest.mark.parametrize(
    ("how", "said"),
    [(signal.SIGKILL, "ended by signal SIGKILL"), (signal.SIGSTOP, "no heartbeat for 3 s")],
    ids=["killed", "hung"],
)
def test_a_lost_worker_makes_the_run_invalid_and_is_named(
    project: Project, loading: "subprocess.Popen[str]", how: signal.Signals, said: str
) -> None:
    victim = random.choice(workers_of(project))
    victim.send_signal(how)
    stdout, stderr = loading.communicate(timeout=60)
    assert loading.returncode == 4, stderr
    told = " ".join(stdout.split())
    assert told.startswith("INVALID")
    assert re.search(rf"worker [12] \(\S+, pid {victim.pid}\) was lost \d+ s into leg 01-(before|after): {said}", told)
    assert project.alive() == []
    (leg,) = project.recorded.glob("trials/*")  # no other leg was begun
    generation = json.loads((leg / "windows.json").read_text())
    assert len(read_samples(leg / "samples")) == generation["requests"] > 0
    assert f"pid {victim.pid}" in (project.recorded / "report.html").read_text()
    assert project.harness("check", str(project.recorded)).returncode == 4


def test_workers_end_when_their_master_is_killed(project: Project, loading: "subprocess.Popen[str]") -> None:
    (leader,) = leaders_of(project)
    workers = workers_of(project)
    assert len(workers) == 2
    leader.kill()
    _, stderr = loading.communicate(timeout=60)
    assert loading.returncode == 4
    assert "the generator failed (signal SIGKILL)" in stderr
    assert project.alive() == []


@pytest.mark.thorough
def test_nothing_is_left_when_the_harness_is_killed(project: Project, loading: "subprocess.Popen[str]") -> None:
    loading.kill()
    loading.communicate(timeout=60)
    project.wait_for(lambda: project.alive() == [])


class TestWorkersOfAnotherMachine:
    def test_they_get_all_they_need_and_stay_for_all_legs(self, project: Project, tmp_path: Path) -> None:
        scratch, elsewhere = tmp_path / "scratch", tmp_path / "elsewhere"
        scratch.mkdir()
        elsewhere.mkdir()
        (project.folder / "names.py").write_text('NAME = "/items/{id}"')
        (project.folder / "users.py").write_text(USERS)
        (port,) = free_ports()
        served = ("--workers", "2", "--bind", f"127.0.0.1:{port}")
        run = project.start("run", "plan.toml", "--plain", "--blocks", "1", *served)
        command = [sys.executable, "-m", "harness", "worker", "--master", f"127.0.0.1:{port}", "--processes", "2"]
        worker = subprocess.Popen(
            command, cwd=elsewhere, env={**project.env, "TMPDIR": str(scratch)}, stderr=subprocess.PIPE, text=True
        )
        _, said = worker.communicate(timeout=120)
        stdout, stderr = run.communicate(timeout=60)
        assert run.returncode == 0, stdout + stderr
        assert worker.returncode == 0, said
        heard = said.splitlines()
        assert "waiting for workers: 0 of 2" in stderr
        assert "load from 2 processes" in " ".join(stdout.split())
        assert len([line for line in heard if "leg 02-" in line]) == 2
        assert heard[-1] == "the run is over"
        assert list(scratch.iterdir()) == []
        assert project.alive() == []
        assert "load from 2 processes" in (project.recorded / "report.html").read_text()
        assert json.loads((project.recorded / "setup.json").read_text())["processes"] == 2

    def test_a_user_file_that_fails_on_a_worker_is_reported_by_the_master(self, tmp_path: Path, lognormal: str) -> None:
        prepared(tmp_path, 2)
        with (tmp_path / "users.py").open("a") as users:
            users.write("\nassert 'HARNESS_WORKER' not in os.environ, 'not on my machine'\n")
        with pytest.raises(Exception, match="generator failed") as caught:
            led(tmp_path, lognormal, "01-before")
        assert "not on my machine" in caught.value.__notes__[0]

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["run", "plan.toml", "--workers", "2", "--bind", "0.0.0.0:5562"], "--allow-remote accepts the address"),
            (["run", "plan.toml", "--workers", "2", "--bind", "5562"], "write HOST:PORT"),
            (["run", "plan.toml", "--bind", "127.0.0.1:5562"], "--bind and --allow-remote need --workers"),
            (["worker", "--master", "10.0.0.5:5557"], "run code on a worker"),
            (["worker"], "give --master HOST:PORT"),
            (["worker", "--manifest", "plan.toml"], "--image"),
        ],
    )
    def test_what_is_refused(self, project: Project, arguments: list[str], said: str) -> None:
        done = project.harness(*arguments)
        assert done.returncode == 2
        assert said in done.stderr
        assert not project.out.exists()

    def test_a_worker_without_a_master_gives_up(self, project: Project) -> None:
        worker = project.start("worker", "--master", "127.0.0.1:5563", "--wait", "0")
        project.wait_for(lambda: bool(workers_of(project)))
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 143
        project.wait_for(lambda: project.alive() == [])
