"""Faults of the machine, the engine or a service: one message with advice, exit code 5, and no containers left."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import docker
import pytest

from harness.environment.servers import as_nobody
from tests.docker.running import HERE, left

NOBODY = 65534
ENVIRONMENT = 5
API = "command: [python, -u, /app/api.py]"


def edit(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / "plan" / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


class Mishap:
    """A copy of the small plan in which something is wrong."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cache, self.out = folder / "cache", folder / "runs"
        self.env: dict[str, str] = {}
        self.through: list[str] = []
        self.pid = 0
        shutil.copytree(HERE, folder / "plan", ignore=shutil.ignore_patterns("*.py[co]", "__pycache__"))

    def run(self) -> tuple[int, str]:
        """Exit code and output of the run."""
        command = [
            *self.through,
            sys.executable,
            "-m",
            "harness",
            "run",
            str(self.folder / "plan" / "plan.toml"),
            "--plain",
        ]
        with subprocess.Popen(
            [*command, "--out", str(self.out)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "CANARY": "not-told-to-anybody", "HARNESS_CACHE": str(self.cache), **self.env},
        ) as run:
            self.pid = run.pid
            said, _ = run.communicate(timeout=200)
        return run.returncode, said


@pytest.fixture
def mishap(tmp_path: Path) -> Mishap:
    return Mishap(tmp_path)


def fails(mishap: Mishap, *texts: str, env: Mapping[str, str] | None = None) -> None:
    """Run the plan; check its one message for the texts, and that no scratch files are left."""
    mishap.env |= env or {}
    code, said = mishap.run()
    assert code == ENVIRONMENT, said
    messages = [line for line in said.splitlines() if line.startswith("error: ")]
    assert len(messages) == 1, said
    assert all(text in messages[0] for text in texts), messages[0]
    assert "Traceback" not in said.partition("last lines of")[0]
    assert [*mishap.cache.glob("scratch/*")] == []


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A tmpfs of this size on a folder; skips the test where mounting takes root."""
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=False).returncode:
        pytest.skip("a small disk takes root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.mark.usefixtures("compose_plugin")
def test_no_engine(mishap: Mishap) -> None:
    fails(mishap, "Docker does not answer; start it", 'kind = "local"', env={"DOCKER_HOST": "unix:///nowhere.sock"})


@pytest.mark.usefixtures("compose_plugin")
def test_no_permission_for_the_socket(mishap: Mishap) -> None:
    if os.geteuid() != 0:
        pytest.skip("a socket of another user takes root")
    path = mishap.folder / "docker.sock"
    with socket.socket(socket.AF_UNIX) as theirs:
        theirs.bind(str(path))
        theirs.listen()
        os.chown(path, NOBODY, NOBODY)
        path.chmod(0o600)
        mishap.through = as_nobody()  # root without the right to use what is not its own
        env = {"DOCKER_HOST": f"unix://{path}"}
        fails(mishap, "no permission for its socket", "group docker", env=env)


def test_only_compose_v1(mishap: Mishap) -> None:
    programs = mishap.folder / "programs"
    program(programs, "docker-compose", "echo 'docker-compose version 1.29.2, build 5becea4c'")
    program(programs, "docker", "echo \"docker: 'compose' is not a docker command.\" >&2; exit 1")
    fails(mishap, "not Compose v1", "install docker-compose-plugin", env={"PATH": f"{programs}:/usr/bin:/bin"})


def test_no_docker_program(mishap: Mishap) -> None:
    fails(mishap, "no docker program on the PATH; install Docker", env={"PATH": "/nowhere"})


@pytest.mark.thorough
def test_a_port_in_use(client: docker.DockerClient, mishap: Mishap) -> None:
    """A run publishes free ports only, but a service on the host network may need a port that is in use."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        side = f'["python", "-m", "http.server", "{port}", "--bind", "127.0.0.1"]'
        edit(
            mishap.folder,
            "compose.yml",
            "  db:\n",
            f"  side:\n    image: python:3.11-slim-bookworm\n    network_mode: host\n    command: {side}\n  db:\n",
        )
        fails(mishap, "side ended by itself (status 1)", "another program uses that port: stop it")
    assert left(client, mishap.pid) == []


def test_a_service_that_needs_too_much_memory_under_load(client: docker.DockerClient, mishap: Mishap) -> None:
    greedy = '"import runpy, threading, time; threading.Timer(4, lambda: bytearray(1 << 30)).start(); '
    greedy += "runpy.run_path('/app/api.py')\""
    edit(mishap.folder, "compose.yml", API, f"command: [python, -c, {greedy}]")
    edit(mishap.folder, "plan.toml", 'database = "db"', 'database = "db"\nlimits = { api = { memory = "64M" } }')
    edit(mishap.folder, "plan.toml", "seconds = 4", "seconds = 20")
    fails(mishap, "api ran out of memory (OOM kill): it needed more than its limit of 64 MiB; raise its limit")
    assert left(client, mishap.pid) == []


@pytest.mark.usefixtures("client")
def test_a_full_disk_for_scratch_files(mishap: Mishap) -> None:
    with small_disk(mishap.cache, "4k"):
        fails(mishap, "o space left on", "HARNESS_CACHE")


def test_a_full_disk_for_the_run_folder(client: docker.DockerClient, mishap: Mishap) -> None:
    with small_disk(mishap.out, "64k"):
        fails(mishap, "no space left on the disk", "--out")
        assert not [*mishap.out.rglob("*.partial")]
    assert left(client, mishap.pid) == []


@pytest.mark.thorough
def test_a_full_disk_for_the_data(client: docker.DockerClient, mishap: Mishap) -> None:
    disk = "data:\n    driver_opts: { type: tmpfs, device: tmpfs, o: size=64m }\n"
    edit(mishap.folder, "compose.yml", "data: {}\n", disk)
    edit(mishap.folder, "items.sql", "(1, 5000)", "(1, 5000000)")
    fails(mishap, "items.sql: ", "No space left on device", "free some")
    assert left(client, mishap.pid) == []
