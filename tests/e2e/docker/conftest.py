"""An engine to test against; without one the tests are skipped, with the reason."""

from collections.abc import Iterator

import docker
import pytest
from docker.errors import DockerException


@pytest.fixture(scope="session")
def client() -> Iterator[docker.DockerClient]:
    try:
        found = docker.from_env()
        found.ping()
    except DockerException as error:
        pytest.skip(f"no Docker engine: {error}")
    yield found
    found.close()
