"""Docker engine and Compose plugin; without them the tests are skipped with the reason."""

import shutil
import subprocess
from collections.abc import Iterator

import docker
import pytest


def succeeds(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="session")
def compose_plugin() -> None:
    """Skips without Docker's client and Compose v2, which some checks need without an engine."""
    if shutil.which("docker") is None:
        pytest.skip("no docker program")
    if not succeeds("docker", "compose", "version"):
        pytest.skip("docker has no Compose plugin")


@pytest.fixture(scope="session")
def client(request: pytest.FixtureRequest) -> Iterator[docker.DockerClient]:
    request.getfixturevalue("compose_plugin")
    if not succeeds("docker", "info"):  # asked by the program: docker-py leaves a socket open when it fails to connect
        pytest.skip("no Docker engine")
    found = docker.from_env()
    yield found
    found.close()
