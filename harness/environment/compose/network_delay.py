"""Added network latency of a container, by the kernel's network emulation (netem).

A helper container with the capability NET_ADMIN sets it in the network namespace of the container, which needs no
privileges and no tools. Docker's kernel needs ``sch_netem``.
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

from harness.environment.compose.engine import EXPIRES, MACHINE, OWNER
from harness.errors import EnvironmentFailedError

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
    helper = client.containers.create(
        IMAGE, command, network_mode=f"container:{container.id}", cap_drop=["ALL"], cap_add=["NET_ADMIN"], labels=labels
    )
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
