"""Faults of containers."""

from functools import partial

import docker
from docker.models.containers import Container

from harness.environment.compose.engine import run_docker
from harness.environment.compose.network_delay import delay
from harness.environment.faults import EndFault
from harness.errors import EnvironmentFailedError
from harness.plan.faults import Fault, FaultKind


def inject_container_fault(client: docker.DockerClient, container: Container, fault: Fault) -> EndFault:
    """Inject a fault; returns the function that ends it. Raises if Docker refuses."""
    container.reload()
    end: EndFault  # the SDK has no types
    match fault.kind:
        case FaultKind.PAUSE:
            container.pause()
            end = container.unpause
        case FaultKind.KILL:
            container.kill()
            end = container.start
        case FaultKind.RESTART:
            container.stop()  # within the grace period of the Compose file
            end = container.start
        case FaultKind.DISCONNECT:
            end = _disconnect(client, container)
        case FaultKind.CPU:
            end = _limit_cpu(client, container, fault)
        case FaultKind.MEMORY:
            end = _limit_memory(client, container, fault)
        case FaultKind.LATENCY:
            end = delay(client, container, fault.latency_ms or 0.0)
    return end


def _disconnect(client: docker.DockerClient, container: Container) -> EndFault:
    networks = container.attrs["NetworkSettings"]["Networks"].values()
    joined = {client.networks.get(how["NetworkID"]): how for how in networks}
    for network in joined:
        network.disconnect(container, force=True)

    def reconnect() -> None:
        for network, how in joined.items():
            address = (how.get("IPAMConfig") or {}).get("IPv4Address")
            network.connect(container, aliases=how.get("Aliases"), ipv4_address=address)

    return reconnect


def _limit_cpu(client: docker.DockerClient, container: Container, fault: Fault) -> EndFault:
    allowed = container.attrs["HostConfig"].get("NanoCpus") or client.info()["NCPU"] * 10**9
    _update(container, "--cpus", f"{fault.cpus:g}")
    return partial(_update, container, "--cpus", f"{allowed / 10**9:g}")


def _limit_memory(client: docker.DockerClient, container: Container, fault: Fault) -> EndFault:
    """Limit memory; if the kernel kills the container (OOM), the end of the fault starts it again."""
    memory = str(fault.memory)
    given = container.attrs["HostConfig"]
    allowed = given.get("Memory") or client.info()["MemTotal"]
    swap = given.get("MemorySwap") or allowed
    try:
        _update(container, "--memory", memory, "--memory-swap", memory)
    except EnvironmentFailedError as error:
        raise EnvironmentFailedError(f"{error}; the limit must exceed what it uses (see: docker stats)") from error

    def end_fault() -> None:
        _update(container, "--memory", str(allowed), "--memory-swap", str(swap))
        container.reload()
        if container.status != "running":
            container.start()

    return end_fault


def _update(container: Container, *limits: str) -> None:
    """Change limits by ``docker update``: the SDK does not support all of them."""
    done = run_docker("update", *limits, str(container.id))
    if done.returncode:
        raise EnvironmentFailedError(f"docker update {' '.join(limits)}: {done.stderr.strip()}")
