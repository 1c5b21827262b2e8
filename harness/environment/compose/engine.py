"""The Docker engine: access, and removal of what runs left in it.

Everything that a run creates carries three labels: its owner, the boot of the machine, and an expiry time. Nothing
without these labels is changed.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

import docker
import requests
from docker.errors import APIError, DockerException, NotFound

from harness.environment.processes import is_owner_alive
from harness.errors import EnvironmentFailedError

OWNER, MACHINE, EXPIRES = "harness.owner", "harness.host", "harness.expires-at"
REMOVE_SECONDS, SETTLED_SECONDS = 25.0, 1.0
ANSWER_SECONDS, COMMAND_SECONDS = 30, 60.0
INSTEAD = 'or measure without containers, with kind = "local"'


def boot_id() -> str:
    """The id of this boot of this machine, within which process ids are unique."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return os.uname().nodename


def labels(owner: str, expires_at: float) -> dict[str, str]:
    """The labels of a run; ``expires_at`` is in seconds since the epoch."""
    return {OWNER: owner, MACHINE: boot_id(), EXPIRES: str(int(expires_at))}


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


def remove_owned(client: docker.DockerClient, owner: str) -> list[str]:
    """Remove everything with an owner's label; returns the names of what was removed."""
    containers, networks, volumes = _labelled(client, f"{OWNER}={owner}")
    removed = [f"container {one.name}" for one in containers if _removed(partial(one.remove, force=True, v=True))]
    removed += [f"network {one.name}" for one in networks if _removed(one.remove)]
    return removed + [f"volume {one.name}" for one in volumes if _removed(one.remove)]


def count_owned(client: docker.DockerClient, owner: str) -> int:
    """The number of containers, networks and volumes with an owner's label."""
    return sum(map(len, _labelled(client, f"{OWNER}={owner}")))


def remove_all_owned(owner: str) -> bool:
    """Remove everything of an owner until nothing is left for a second (late requests); returns whether in time."""
    deadline, empty_since = time.monotonic() + REMOVE_SECONDS, None
    while time.monotonic() < deadline:
        with suppress(EnvironmentFailedError), engine() as client:
            if not remove_owned(client, owner) and not count_owned(client, owner):
                empty_since = empty_since or time.monotonic()
                if time.monotonic() - empty_since >= SETTLED_SECONDS:
                    return True
            else:
                empty_since = None
        time.sleep(0.25)
    return False


def owners_of_ended_runs(client: docker.DockerClient) -> set[str]:
    """Owners that left something and whose process has ended; on another boot or machine: whose labels have expired."""
    found = (_labels(one.attrs) for kind in _labelled(client, OWNER) for one in kind)
    return {labels[OWNER] for labels in found if _over(labels)}


def _labelled(client: docker.DockerClient, label: str) -> tuple[list[Any], list[Any], list[Any]]:
    """The containers, networks and volumes with a label."""
    chosen = {"label": label}
    containers = client.containers.list(all=True, filters=chosen, ignore_removed=True)
    return containers, client.networks.list(filters=chosen), client.volumes.list(filters=chosen)


def _over(found: Mapping[str, str]) -> bool:
    if found.get(MACHINE) == boot_id():
        return not is_owner_alive(found[OWNER])
    expires = found.get(EXPIRES, "")
    return expires.isdecimal() and int(expires) < time.time()


def _labels(attrs: Mapping[str, Any]) -> Mapping[str, str]:
    found: Mapping[str, str] = attrs.get("Labels") or attrs.get("Config", {}).get("Labels") or {}
    return found


def _removed(remove: Callable[[], object]) -> bool:
    """Remove something; returns false if it was gone already."""
    try:
        remove()
    except NotFound:
        return False
    except APIError as error:
        if error.status_code == 409:  # noqa: PLR2004 - HTTP conflict: being removed, or in use
            return True
        raise
    return True
