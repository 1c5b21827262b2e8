"""Workers in three network namespaces on a bridge, as if on three machines."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.record.samples import read_samples
from harness.run.generator_process import Remote
from tests.runs.test_workers import LOGNORMAL, Leg, led, prepared, read_samples_of

BRIDGE, ADDRESS, WORKERS = "hbridge", "10.200.77.{}", 3
HOST = ADDRESS.format(1)


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def possible() -> bool:
    """Whether a namespace can be made here: not without root, and not in most containers."""
    if os.getuid() or not shutil.which("ip"):
        return False
    name = f"probe{os.getpid()}"  # several test processes may try at once
    done = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False)
    subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
    return done.returncode == 0


pytestmark = [
    pytest.mark.skipif(not possible(), reason="network namespaces need root and iproute2"),
    pytest.mark.thorough,
]


@pytest.fixture
def namespaces() -> Iterator[list[str]]:
    """Three namespaces that reach this machine at ``HOST`` and nothing else."""
    names = [f"hworker{number}" for number in range(1, WORKERS + 1)]
    with ExitStack() as undo:
        ip("link", "add", BRIDGE, "type", "bridge")
        undo.callback(ip, "link", "del", BRIDGE)
        ip("addr", "add", f"{HOST}/24", "dev", BRIDGE)
        ip("link", "set", BRIDGE, "up")
        for number, name in enumerate(names, start=1):
            ip("netns", "add", name)
            undo.callback(ip, "netns", "del", name)
            ip("link", "add", f"hv{number}", "type", "veth", "peer", "name", "eth0", "netns", name)
            undo.callback(ip, "link", "del", f"hv{number}")  # else it stays until the namespace is really gone
            ip("link", "set", f"hv{number}", "master", BRIDGE, "up")
            ip("-n", name, "addr", "add", f"{ADDRESS.format(10 + number)}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield names


@pytest.fixture
def server(namespaces: list[str]) -> Iterator[str]:  # noqa: ARG001 - its address is on the bridge
    with subprocess.Popen([sys.executable, "-c", LOGNORMAL, HOST, "0"], stdout=subprocess.PIPE, text=True) as made:
        assert made.stdout
        yield made.stdout.readline().strip()
        made.kill()


@pytest.fixture
def alone(tmp_path: Path, server: str) -> Leg:
    """What one process here measures, before the workers' start takes the machine."""
    return led(prepared(tmp_path, 1), f"http://{HOST}:{server}", "01-before")


@pytest.fixture
def workers(namespaces: list[str], tmp_path: Path) -> "Iterator[list[subprocess.Popen[str]]]":
    """A worker in each namespace, as a user starts it, in a folder without anything."""
    command = [sys.executable, "-m", "harness", "worker", "--master", f"{HOST}:5557", "--allow-remote"]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with ExitStack() as ended:
        started = []
        for name in namespaces:
            worker = subprocess.Popen(
                ["ip", "netns", "exec", name, *command], cwd=elsewhere, stderr=subprocess.PIPE, text=True
            )
            ended.enter_context(worker)
            ended.callback(worker.kill)
            started.append(worker)
        yield started


def test_three_machines_measure_what_one_does(
    tmp_path: Path, server: str, alone: Leg, workers: "list[subprocess.Popen[str]]"
) -> None:
    several = led(tmp_path, f"http://127.0.0.1:{server}", "02-before", Remote(WORKERS, f"{HOST}:5557"))
    for worker in workers:
        _, said = worker.communicate(timeout=30)
        assert worker.returncode == 0, said
        assert "the run is over" in said
    contributions = several.generation["workers"]
    counts = [worker["requests"] for worker in contributions]
    assert [read_samples_of(several.folder, number) for number in (1, 2, 3)] == counts
    assert sum(counts) == len(several.samples) == several.generation["requests"]
    assert min(counts) > sum(counts) / 6
    for worker in contributions:
        assert abs(worker["clock_offset_ms"]) <= worker["clock_uncertainty_ms"] < 50
    assert several.percentiles() == pytest.approx(alone.percentiles(), rel=0.25)


def test_a_cut_network_loses_the_worker(tmp_path: Path, server: str, workers: "list[subprocess.Popen[str]]") -> None:
    prepared(tmp_path, 1)
    plan = tmp_path / "plan.toml"
    plan.write_text(plan.read_text().replace("seconds = 5", "seconds = 60"))
    found: list[Leg] = []
    remote = Remote(WORKERS, f"{HOST}:5557")
    run = threading.Thread(
        target=lambda: found.append(led(tmp_path, f"http://127.0.0.1:{server}", "01-before", remote))
    )
    run.start()
    parts = tmp_path / "01-before" / "samples"
    while not list(parts.glob("*.parquet")):
        run.join(0.1)
        assert run.is_alive()
    ip("link", "set", "hv2", "down")
    run.join(60)
    (leg,) = found
    (loss,) = leg.generation["lost"]
    assert re.fullmatch(r"worker [123] \(\S+, pid \d+\)", loss["worker"])
    assert loss["how"] == "no heartbeat for 3 s"
    assert loss["second"] < 30
    assert len(read_samples(leg.folder / "samples")) == leg.generation["requests"]
    assert workers[1].wait(40) == 4  # it has noticed by itself
    assert json.loads((leg.folder / "windows.json").read_text())["lost"]
