"""Container strike: a planned fault done to a container, and how it is mended."""

import subprocess
from collections.abc import Callable
from functools import partial
from typing import Any

import docker
from docker.models.containers import Container

from harness.errors import EnvironmentFailedError
from harness.fault import Fault, FaultKind

Mend = Callable[[], None]
STOP_SECONDS = 10
UPDATE_SECONDS = 60.0


def strike_container(client: docker.DockerClient, container: Container, fault: Fault) -> Mend:
    """Begin a fault; returns what ends it.

    Raises:
        DockerException: when the engine does not do it.
        EnvironmentFailedError: when it does not change the limits of the container.
    """
    container.reload()
    match fault.kind:
        case FaultKind.PAUSE:
            container.pause()
            return container.unpause  # type: ignore[no-any-return] # the SDK has no types
        case FaultKind.KILL:
            container.kill()
            return container.start  # type: ignore[no-any-return]
        case FaultKind.RESTART:
            container.stop(timeout=STOP_SECONDS)
            return container.start  # type: ignore[no-any-return]
        case FaultKind.DISCONNECT:
            return _disconnect(client, container)
        case FaultKind.CPU:
            return _squeeze_cpu(client, container, f"{fault.cpus:g}")
        case FaultKind.MEMORY:
            return _squeeze_memory(client, container, str(fault.memory))


def _disconnect(client: docker.DockerClient, container: Container) -> Mend:
    joined = {client.networks.get(how["NetworkID"]): how for how in _networks(container)}
    for network in joined:
        network.disconnect(container, force=True)

    def reconnect() -> None:
        for network, how in joined.items():
            address = (how.get("IPAMConfig") or {}).get("IPv4Address")
            network.connect(container, aliases=how.get("Aliases"), ipv4_address=address)

    return reconnect


def _networks(container: Container) -> list[dict[str, Any]]:
    return [*container.attrs["NetworkSettings"]["Networks"].values()]


def _squeeze_cpu(client: docker.DockerClient, container: Container, cpus: str) -> Mend:
    allowed = container.attrs["HostConfig"].get("NanoCpus") or client.info()["NCPU"] * 10**9
    _update(container, "--cpus", cpus)
    return partial(_update, container, "--cpus", f"{allowed / 10**9:g}")


def _squeeze_memory(client: docker.DockerClient, container: Container, memory: str) -> Mend:
    """What has no memory left is killed by the kernel; it is started again when it has."""
    given = container.attrs["HostConfig"]
    allowed = given.get("Memory") or client.info()["MemTotal"]
    swap = given.get("MemorySwap") or allowed
    _update(container, "--memory", memory, "--memory-swap", memory)

    def mend() -> None:
        _update(container, "--memory", str(allowed), "--memory-swap", str(swap))
        container.reload()
        if container.status != "running":
            container.start()

    return mend


def _update(container: Container, *limits: str) -> None:
    """By the program, as the SDK does not know every limit."""
    done = subprocess.run(
        ["docker", "update", *limits, str(container.id)],  # noqa: S607 - the user's own
        capture_output=True,
        text=True,
        timeout=UPDATE_SECONDS,
        check=False,
    )
    if done.returncode:
        raise EnvironmentFailedError(f"docker update {' '.join(limits)}: {done.stderr.strip()}")
