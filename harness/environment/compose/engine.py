"""The Docker engine: access, and its errors in words that say what to do."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache

import docker
import requests
from docker.errors import APIError, DockerException

from harness.errors import EnvironmentFailedError

ANSWER_SECONDS, COMMAND_SECONDS = 30, 60.0
INSTEAD = 'or measure without containers, with kind = "local"'


def run_docker(*arguments: str, env: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    """Run the ``docker`` program to its end, whatever its status."""
    command = ["docker", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False, env=env)


@contextmanager
def engine() -> Iterator[docker.DockerClient]:
    """A client of the engine that ``docker`` uses; raises ``EnvironmentFailedError`` if it does not answer."""
    client = None
    try:
        host = _host_of_context()
        client = docker.DockerClient(host, timeout=ANSWER_SECONDS) if host else docker.from_env(timeout=ANSWER_SECONDS)
        client.ping()
        yield client
    except (DockerException, requests.RequestException) as error:
        raise EnvironmentFailedError(explain(error)) from error
    finally:
        if client is not None:
            client.close()


@cache
def _host_of_context() -> str | None:
    """The address of the present Docker context, which Compose uses; ``None``: the SDK's default."""
    if os.environ.get("DOCKER_HOST") or shutil.which("docker") is None:
        return None
    return run_docker("context", "inspect", "--format", "{{.Endpoints.docker.Host}}").stdout.strip() or None


def explain(error: BaseException) -> str:
    """An error of Docker in one line, with what to do."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or link.__context__
    text = " ".join(str(part) for part in chain)
    if isinstance(error, APIError):
        return f"Docker: {error.explanation or error}"
    if any(isinstance(part, PermissionError) for part in chain) or "Permission denied" in text:
        return (
            "Docker: no permission for its socket; add yourself to the group docker and log in again, use rootless "
            f"Docker, {INSTEAD}"
        )
    if any(isinstance(part, FileNotFoundError | ConnectionError) for part in chain) or "Connection" in text:
        return f"Docker does not answer; start it (check: docker info), {INSTEAD}"
    return f"Docker: {str(error).splitlines()[0]}"


def compose_version() -> str:
    """The version of the Compose plugin; raises ``EnvironmentFailedError`` if Docker or the plugin is missing."""
    if shutil.which("docker") is None:
        raise EnvironmentFailedError(f"Docker: no docker program on the PATH; install Docker, {INSTEAD}")
    done = run_docker("compose", "version", "--short")
    version = done.stdout.strip().removeprefix("v")
    if done.returncode or not version:
        old = ", not Compose v1 (docker-compose)" if shutil.which("docker-compose") else ""
        fix = f"install docker-compose-plugin (check: docker compose version), {INSTEAD}"
        raise EnvironmentFailedError(f"Docker: needs the Compose plugin{old}; {fix}")
    return version
