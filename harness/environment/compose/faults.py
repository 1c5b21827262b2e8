"""Faults of containers.

Latency is added by the kernel's network emulation (netem, ``sch_netem``): a helper container with the capability
NET_ADMIN sets it in the network namespace of the container, which needs no privileges and no tools.
"""

import io
import tarfile
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import docker
from docker.errors import ImageNotFound
from docker.models.containers import Container

from harness.environment.compose.engine import run_docker
from harness.environment.compose.labels import EXPIRES, MACHINE, OWNER
from harness.environment.faults import EndFault
from harness.errors import EnvironmentFailedError
from harness.plan.faults import Fault, FaultKind

IMAGE = "python:3.11-slim-bookworm"
HANDLE = "1:"
END_SECONDS = 30
UNKNOWN_TO_THE_KERNEL = 2
PROGRAM = """
import sys
sys.path.insert(0, "/harness")
from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError
action, kind, microseconds, handle = sys.argv[1:]
with IPRoute() as network:
    for link in network.get_links():
        if link.get_attr("IFLA_IFNAME") == "lo":
            continue
        options = {"delay": int(microseconds)} if kind == "netem" and action == "add" else {}
        try:
            network.tc(action, kind, link["index"], handle, **options)
        except NetlinkError as error:
            sys.exit(error.code)
"""


def require_netem(client: docker.DockerClient, labels: dict[str, str]) -> None:
    """Pull the image; raises ``EnvironmentFailedError`` if Docker's kernel cannot delay packets of a test network."""
    try:
        client.images.get(IMAGE)
    except ImageNotFound:
        client.images.pull(IMAGE)
    network = client.networks.create(f"harness-delay-{labels[OWNER].rpartition('-')[2]}", labels=labels)
    try:
        helper = client.containers.create(IMAGE, ["sleep", "60"], labels=labels, network=network.name)
        try:
            helper.start()
            delay(client, helper, 1.0)()
        finally:
            helper.remove(force=True)
    finally:
        network.remove()


def delay(client: docker.DockerClient, container: Container, ms: float) -> Callable[[], None]:
    """Delay what a container sends; returns the end of the delay. Raises as ``set_queueing_discipline``."""
    set_queueing_discipline(client, container, "add", "netem", round(ms * 1000))
    return partial(set_queueing_discipline, client, container, "del", "netem", 0)


def set_queueing_discipline(
    client: docker.DockerClient, container: Container, action: str, kind: str, microseconds: int
) -> None:
    """Add or delete a queueing discipline of a container; raises ``EnvironmentFailedError`` if the kernel refuses."""
    labels = {name: container.labels[name] for name in (OWNER, MACHINE, EXPIRES) if name in container.labels}
    command = ["python", "-c", PROGRAM, action, kind, str(microseconds), HANDLE]
    rights = {"network_mode": f"container:{container.id}", "cap_drop": ["ALL"], "cap_add": ["NET_ADMIN"]}
    helper = client.containers.create(IMAGE, command, labels=labels, **rights)
    try:
        helper.put_archive("/", _library())
        helper.start()
        status = helper.wait(timeout=END_SECONDS)["StatusCode"]
        if status == UNKNOWN_TO_THE_KERNEL:
            raise EnvironmentFailedError(
                f"Docker's kernel has no {kind}, which delays packets: load the module (modprobe sch_{kind}), or "
                "remove faults of kind latency"
            )
        if status:
            raise EnvironmentFailedError(f"{kind} of {container.name}: {helper.logs(tail=5).decode(errors='replace')}")
    finally:
        helper.remove(force=True)


def _library() -> bytes:
    """The netlink library of this interpreter as a tar archive of the folder ``harness``."""
    spec = find_spec("pyroute2")
    (place,) = (spec.submodule_search_locations if spec else None) or [""]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.add(Path(place), "harness/pyroute2", filter=lambda one: None if "__pycache__" in one.name else one)
    return buffer.getvalue()


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
