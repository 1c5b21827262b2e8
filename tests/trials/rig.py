"""The rig of the trials: a run of a small plan in containers, its victims, and what is left of it afterwards."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import docker
import psutil
import pyarrow.parquet as pq
from docker.errors import NotFound

from harness.environment.compose.labels import OWNER, count_owned
from harness.environment.processes import labelled_processes

HERE = Path(__file__).parent
SMALL = HERE.parent / "docker"
PASSWORD = "in-no-file-9f31"
HARNESS = [sys.executable, "-m", "harness"]
CONTAINERS = ("db", "cache", "api")


class Run:
    """A run of the small plan in a folder of its own; ``restart`` is the restart policy of its containers."""

    def __init__(self, client: docker.DockerClient, folder: Path, restart: str = "no") -> None:
        self.client, self.folder = client, folder
        self.env = {**os.environ, "HARNESS_CACHE": str(folder / "cache"), "PASSWORD": PASSWORD, "RESTART": restart}
        for source in (SMALL, HERE / "plan"):
            shutil.copytree(source, folder / "plan", dirs_exist_ok=True)
        command = [*HARNESS, "run", str(folder / "plan" / "plan.toml"), "--out", str(folder / "runs"), "--plain"]
        self.log = folder / "said.txt"
        with self.log.open("wb") as said:
            self.popen = subprocess.Popen(
                command, stdout=said, stderr=subprocess.STDOUT, env=self.env, start_new_session=True
            )
        self.started = time.monotonic()
        self._label = ""

    @property
    def second(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self.started

    @property
    def over(self) -> bool:
        """Whether the harness has ended."""
        return self.popen.poll() is not None

    @property
    def label(self) -> str:
        """Whose its containers and processes are; empty until it has written that down."""
        if not self._label:
            for owner in (self.folder / "cache" / "scratch").glob("*/owner"):
                with suppress(OSError):
                    self._label = owner.read_text().partition("\n")[0]
        return self._label

    @property
    def record(self) -> Path | None:
        """Its run folder."""
        return next(iter((self.folder / "runs").glob("*")), None)

    def legs(self) -> tuple[int, int]:
        """How many legs were begun, and how many are complete."""
        trials = [*self.record.glob("trials/*")] if self.record else []
        return len(trials), sum((trial / "windows.json").exists() for trial in trials)

    def blocks(self) -> int:
        """How many blocks are complete."""
        numbers = (
            {int(path.parent.name.partition("-")[0]) for path in self.record.glob("trials/*/windows.json")}
            if (self.record)
            else set()
        )
        return sum({number, number + 1} <= numbers for number in (1, 3))

    def pids(self, victim: str) -> list[int]:
        """The processes to be killed, as they are now; empty where there is none."""
        if victim in CONTAINERS:
            return self._of_container(victim)
        if victim == "harness":
            return [self.popen.pid]
        if victim == "watchdog and harness":
            found = self._children("harness.environment.watchdog")
            return [*found, self.popen.pid] if found else []
        words = {"generator": "harness.generator run", "watchdog": "harness.environment.watchdog", "compose": "compose"}
        return self._children(words[victim])

    def _children(self, words: str) -> list[int]:
        with suppress(psutil.Error):
            children = psutil.Process(self.popen.pid).children()
            return [child.pid for child in children if words in " ".join(child.cmdline())]
        return []

    def _of_container(self, service: str) -> list[int]:
        chosen = {"label": [f"{OWNER}={self.label}", f"com.docker.compose.service={service}"]}
        found = self.client.api.containers(filters=chosen) if self.label else []
        pids = []
        for one in found:
            with suppress(NotFound):
                pids.append(int(self.client.api.inspect_container(one["Id"])["State"]["Pid"]))
        return [pid for pid in pids if pid]

    def volumes(self) -> set[str]:
        """The volumes that its containers use, those included that have no name of their own and no label."""
        found = self.client.api.containers(all=True, filters={"label": f"{OWNER}={self.label}"}) if self.label else []
        return {mount["Name"] for one in found for mount in one["Mounts"] if mount["Type"] == "volume"}

    def left(self) -> int:
        """How many containers, networks, volumes and processes of it there are."""
        if not self.label:
            return 0
        return count_owned(self.client, self.label) + sum(found == self.label for _, found in labelled_processes())

    def harness(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Another command of the harness, with the same caches."""
        return subprocess.run(
            [*HARNESS, *arguments], capture_output=True, text=True, env=self.env, check=False, timeout=120
        )

    def close(self) -> None:
        """End the run and remove what is left, whatever became of it."""
        if not self.over:
            self.popen.send_signal(signal.SIGTERM)
            self.popen.wait(90)
        if self.left():
            self.harness("gc")


def broken_files(folder: Path) -> list[str]:
    """The files of a run folder that are not whole; those still under a temporary name are not part of the record."""
    broken = []
    for path in folder.rglob("*"):
        try:
            if path.suffix == ".json":
                json.loads(path.read_text())
            elif path.suffix == ".parquet":
                pq.read_table(path, partitioning=None)
        except (OSError, ValueError) as error:
            broken.append(f"{path.name}: {error}")
    return broken


def until(done: Callable[[], object], seconds: float) -> float | None:
    """Wait until something is so; returns the seconds that took, ``None`` when they did not suffice."""
    started = time.monotonic()
    while not done():
        if time.monotonic() - started > seconds:
            return None
        time.sleep(0.05)
    return time.monotonic() - started


@contextmanager
def runs(client: docker.DockerClient) -> Iterator[Callable[..., Run]]:
    """Makes runs in folders that are removed in the end."""
    made: list[Run] = []

    def make(restart: str = "no") -> Run:
        made.append(Run(client, Path(tempfile.mkdtemp(prefix="trial-")), restart))
        return made[-1]

    try:
        yield make
    finally:
        for run in made:
            run.close()
            shutil.rmtree(run.folder, ignore_errors=True)


class Decoys:
    """A container, a network and a volume that are not the harness's; they must stay as they are."""

    def __init__(self, client: docker.DockerClient) -> None:
        self.name = f"decoy-{os.urandom(4).hex()}"
        # as near to the run's own as a foreign thing can be
        foreign = {"harness": "no", "com.docker.compose.project": self.name}
        self.container = client.containers.run(
            "debian:bookworm-slim", ["sleep", "86400"], name=self.name, labels=foreign, detach=True, init=True
        )
        self.network = client.networks.create(self.name, labels=foreign)
        self.volume = client.volumes.create(self.name, labels=foreign)
        self.client = client
        self.before = self._state()

    def _state(self) -> list[Any]:
        state = self.client.api.inspect_container(self.name)["State"]
        network, volume = self.client.networks.get(self.name), self.client.volumes.get(self.name)
        return [state["Status"], state["StartedAt"], network.id, volume.attrs["CreatedAt"]]

    @property
    def untouched(self) -> bool:
        """Whether all three are there and as they were."""
        try:
            return self._state() == self.before
        except NotFound:
            return False

    def remove(self) -> None:
        """Remove them."""
        for thing, how in ((self.container, {"force": True}), (self.network, {}), (self.volume, {})):
            with suppress(NotFound):
                thing.remove(**how)


def words(text: str) -> str:
    """A text on one line, short."""
    return re.sub(r"\s+", " ", text).strip()[:150]
