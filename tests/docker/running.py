"""Runs of the small plan of this folder as processes, and what they left in the engine."""

import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import docker

from harness.environment.compose.labels import OWNER

HERE = Path(__file__).parent
CANARY = f"canary-{secrets.token_hex(8)}"


def left(client: docker.DockerClient, pid: int) -> list[str]:
    """Names of containers, networks and volumes of the run of process ``pid``; its label begins with the pid."""
    chosen = {"label": OWNER}
    found = [*client.containers.list(all=True, filters=chosen, ignore_removed=True)]
    labels = {one.name: one.labels for one in found}
    labels |= {one.name: one.attrs["Labels"] for one in client.networks.list(filters=chosen)}
    labels |= {one.name: one.attrs["Labels"] for one in client.volumes.list(filters=chosen)}
    return [name for name, label in labels.items() if label[OWNER].startswith(f"{pid}-")]


def start(folder: Path, change: tuple[str, str] = ("", "")) -> "subprocess.Popen[str]":
    shutil.copytree(HERE, folder / "plan", dirs_exist_ok=True)
    plan, compose = (folder / "plan" / name for name in ("plan.toml", "compose.yml"))
    for path in (plan, compose):
        path.write_text(path.read_text().replace(*change))
    return subprocess.Popen(
        [sys.executable, "-m", "harness", "run", str(plan), "--out", str(folder / "runs"), "--plain"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "CANARY": CANARY, "HARNESS_CACHE": str(folder / "cache")},
    )


def until(done: Callable[[], object], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.2)
