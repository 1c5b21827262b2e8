"""Engine: the Docker engine, what a run leaves in it, and how that is found and removed again.

Everything that a run makes carries three labels: whose it is, on which boot of which machine, and until when it can
be of use. Nothing without them is ever touched.
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
ANSWER_SECONDS = 30
INSTEAD = 'or measure without containers, with kind = "local"'


def boot_id() -> str:
    """This boot of this machine: process ids mean nothing on another one."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return os.uname().nodename


def labels(owner: str, expires_at: float) -> dict[str, str]:
    """What all that a run makes is labelled with; ``expires_at`` is in seconds since the epoch."""
    return {OWNER: owner, MACHINE: boot_id(), EXPIRES: str(int(expires_at))}


@contextmanager
def engine() -> Iterator[docker.DockerClient]:
    """A client of the Docker engine that the environment names, as for ``docker`` itself.

    Raises:
        EnvironmentFailedError: when there is none, it may not be used, or it goes away meanwhile.
    """
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
    """Where the engine of the Docker context in use is, which Compose talks to; ``None``: where the SDK looks."""
    if os.environ.get("DOCKER_HOST") or shutil.which("docker") is None:
        return None
    command = ["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.strip() or None


def explain(error: BaseException) -> str:
    """An error of the engine in one line that says what to do."""
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
            "Docker: no permission for the engine's socket; add yourself to the group docker and log in again, "
            f"use rootless Docker, {INSTEAD}"
        )
    if any(isinstance(part, FileNotFoundError | ConnectionError) for part in chain) or "Connection" in text:
        return f"Docker: no engine answers; start Docker (see: docker info), {INSTEAD}"
    return f"Docker: {str(error).splitlines()[0]}"


def compose_version() -> str:
    """The version of the Compose plugin.

    Raises:
        EnvironmentFailedError: when there is no ``docker`` program, or only Compose v1.
    """
    if shutil.which("docker") is None:
        raise EnvironmentFailedError(f"Docker: no docker program on the PATH; install Docker, {INSTEAD}")
    done = subprocess.run(
        ["docker", "compose", "version", "--short"],  # noqa: S607 - the user's own
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    version = done.stdout.strip().removeprefix("v")
    if done.returncode or not version:
        old = "only Compose v1 (docker-compose), which is no longer kept" if shutil.which("docker-compose") else "none"
        raise EnvironmentFailedError(
            f"Docker: needs the Compose plugin, there is {old}; install docker-compose-plugin (see: docker compose "
            f"version), {INSTEAD}"
        )
    return version


def remove_owned(client: docker.DockerClient, owner: str) -> list[str]:
    """Remove all that carries an owner's label; returns the names of what was removed."""
    chosen = {"label": f"{OWNER}={owner}"}
    containers = client.containers.list(all=True, filters=chosen, ignore_removed=True)
    removed = [f"container {one.name}" for one in containers if _removed(partial(one.remove, force=True, v=True))]
    removed += [f"network {one.name}" for one in client.networks.list(filters=chosen) if _removed(one.remove)]
    return removed + [f"volume {one.name}" for one in client.volumes.list(filters=chosen) if _removed(one.remove)]


def count_owned(client: docker.DockerClient, owner: str) -> int:
    """How much carries an owner's label."""
    chosen = {"label": f"{OWNER}={owner}"}
    containers = client.containers.list(all=True, filters=chosen, ignore_removed=True)
    return len(containers) + len(client.networks.list(filters=chosen)) + len(client.volumes.list(filters=chosen))


def remove_all_owned(owner: str, seconds: float = REMOVE_SECONDS) -> bool:
    """Remove all of an owner until nothing is left and nothing comes any more; returns whether that was reached.

    The engine may still be making what a client that was killed asked for, and may be on its way up again.
    """
    deadline, empty_since = time.monotonic() + seconds, None
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
    """The owners of which something is left although their run is over.

    On this boot of this machine a run is over when its process is; on others, when its time is.
    """
    listed: list[Mapping[str, str]] = [
        *(
            _labels(one.attrs)
            for one in client.containers.list(all=True, filters={"label": OWNER}, ignore_removed=True)
        ),
        *(_labels(one.attrs) for one in client.networks.list(filters={"label": OWNER})),
        *(_labels(one.attrs) for one in client.volumes.list(filters={"label": OWNER})),
    ]
    return {found[OWNER] for found in listed if _over(found)}


def _over(found: Mapping[str, str]) -> bool:
    if found.get(MACHINE) == boot_id():
        return not is_owner_alive(found[OWNER])
    expires = found.get(EXPIRES, "")
    return expires.isdecimal() and int(expires) < time.time()


def _labels(attrs: Mapping[str, Any]) -> Mapping[str, str]:
    found: Mapping[str, str] = attrs.get("Labels") or attrs.get("Config", {}).get("Labels") or {}
    return found


def _removed(remove: Callable[[], object]) -> bool:
    """Whether something was removed; it may be gone already, or still be in use for a moment."""
    try:
        remove()
    except NotFound:
        return False
    except APIError as error:
        if error.status_code == 409:  # noqa: PLR2004 - HTTP's conflict: removal is under way, or it is in use
            return True  # not settled
        raise
    return True
