"""The labels of all that a run creates in a Docker engine, and the removal of what runs left, by label.

There are three labels: the owner, the boot of the machine, and an expiry time. Nothing without them is changed.
"""

import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, NotFound

from harness.environment.compose.engine import engine
from harness.environment.processes import is_owner_alive
from harness.errors import EnvironmentFailedError

OWNER, MACHINE, EXPIRES = "harness.owner", "harness.host", "harness.expires-at"
REMOVE_SECONDS, SETTLED_SECONDS = 25.0, 1.0


def boot_id() -> str:
    """The id of this boot of this machine, within which process ids are unique."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return os.uname().nodename


def labels(owner: str, expires_at: float) -> dict[str, str]:
    """The labels of a run; ``expires_at`` is in seconds since the epoch."""
    return {OWNER: owner, MACHINE: boot_id(), EXPIRES: str(int(expires_at))}


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
