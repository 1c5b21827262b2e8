"""The Docker engine restarts during a run: a second engine with its own folders, so that the first is not touched."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from harness.environment.compose.labels import OWNER

HERE = Path(__file__).parent
IMAGE = "python:3.11-slim-bookworm"


class Engine:
    """A second dockerd in its own network namespace: it cannot change bridges and rules of the first."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.host = folder, f"unix://{folder}/d.sock"
        self.popen: subprocess.Popen[bytes] | None = None
        keep = ["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec sleep 600"]
        self.namespace = subprocess.Popen(keep, stdout=subprocess.PIPE)
        assert self.namespace.stdout
        if self.namespace.stdout.readline() != b"up\n":
            pytest.skip("a second engine needs a network namespace, and the program ip")
        self.inside = ["nsenter", f"--net=/proc/{self.namespace.pid}/ns/net"]

    def start(self) -> None:
        own, first = (Path(f"/proc/{pid}/ns/net").stat().st_ino for pid in (self.namespace.pid, "self"))
        assert own != first
        options = [f"--data-root={self.folder}/data", f"--exec-root={self.folder}/x", f"--pidfile={self.folder}/pid"]
        command = [*self.inside, "dockerd", *options, f"--host={self.host}"]
        with (self.folder / "log").open("ab") as log:
            self.popen = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 30
        while self.ask("version").returncode:
            if self.popen.poll() is not None or time.monotonic() > deadline:
                pytest.skip(f"a second engine does not start here: {self.log()}")
            time.sleep(0.1)

    def close(self) -> None:
        self.stop()
        self.namespace.terminate()
        self.namespace.communicate()
        for mounted in sorted(self.folder.rglob("netns/*")):
            subprocess.run(["umount", mounted], check=False, capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = ["docker", "--host", self.host, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    def left(self) -> str:
        """IDs of containers, networks and volumes that runs left."""
        things = (("ps", "--all"), ("network", "ls"), ("volume", "ls"))
        return "".join(self.ask(*thing, "--quiet", "--filter", f"label={OWNER}").stdout for thing in things)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.popen and self.popen.poll() is None:
            self.popen.send_signal(how)
            self.popen.wait(60)

    def log(self) -> str:
        return (self.folder / "log").read_text().strip().splitlines()[-1]


@pytest.fixture(scope="module")
def own_engine(client: docker.DockerClient) -> Iterator[Engine]:
    assert client  # the first engine has the image
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        pytest.skip("a second engine takes root and a dockerd program")
    engine = Engine(Path(tempfile.mkdtemp(prefix="d", dir="/tmp")))
    try:
        engine.start()
        with subprocess.Popen(["docker", "save", IMAGE], stdout=subprocess.PIPE) as image:
            load = ["docker", "--host", engine.host, "load", "--quiet"]
            subprocess.run(load, stdin=image.stdout, check=True, capture_output=True)
        yield engine
    finally:
        engine.close()


@pytest.mark.thorough  # to start a second engine and copy an image into it takes longer than all other tests here
def test_an_engine_restart_ends_the_run_with_a_message_and_no_containers_left(
    own_engine: Engine, tmp_path: Path
) -> None:
    shutil.copytree(HERE / "alone", tmp_path / "plan")
    for name in ("api.py", "users.py"):
        shutil.copy(HERE / name, tmp_path / "plan")
    chosen = {
        "DOCKER_CONFIG": str(tmp_path / "docker"),
        "DOCKER_CONTEXT": "own",
    }  # a context, as Docker Desktop has one
    env = {**os.environ, **chosen, "HARNESS_CACHE": str(tmp_path / "cache")}
    made = ["docker", "context", "create", "own", "--docker", f"host={own_engine.host}"]
    subprocess.run(made, env={**env, "DOCKER_CONTEXT": ""}, check=True, capture_output=True)
    command = [*own_engine.inside, sys.executable, "-m", "harness"]
    plan, out = tmp_path / "plan" / "plan.toml", tmp_path / "runs"
    with subprocess.Popen(
        [*command, "run", str(plan), "--out", str(out), "--plain"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=env,
    ) as run:
        deadline = time.monotonic() + 60
        while not [*out.rglob("trials/*/startup.json")] and run.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(1)
        own_engine.stop()
        own_engine.start()
        said, _ = run.communicate(timeout=200)
    assert run.returncode == 5, said
    assert "error: Docker stopped during the run" in said
    assert "Traceback" not in said, said
    subprocess.run([*command, "gc"], env=env, capture_output=True, check=True, timeout=60)
    assert own_engine.left() == ""
    assert [*(tmp_path / "cache" / "scratch").glob("*")] == []
