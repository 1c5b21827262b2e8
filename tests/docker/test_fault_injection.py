"""Fault injection into one container: its state during the fault, and the state restored afterwards."""

import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.request import urlopen

import docker
import pytest
from docker.models.containers import Container
from docker.models.networks import Network

from harness.environment.compose.faults import inject_container_fault, set_queueing_discipline
from harness.errors import EnvironmentFailedError
from harness.plan.faults import Fault, FaultKind

IMAGE = "python:3.11-slim-bookworm"
MEGABYTE = 2**20
GREEDY = "import time; kept = []\nwhile True: kept.append(bytearray(b'x' * 2**20)); time.sleep(0.05 * (len(kept) > 20))"
IDLE = "import time; time.sleep(600)"


@pytest.fixture
def network(client: docker.DockerClient) -> Iterator[Network]:
    made = client.networks.create(f"fault-{secrets.token_hex(4)}")
    yield made
    made.remove()


@pytest.fixture
def run(client: docker.DockerClient, network: Network) -> Iterator[Callable[..., Container]]:
    made: list[Container] = []

    def start(code: str, **options: object) -> Container:
        name = f"fault-{secrets.token_hex(4)}"
        made.append(client.containers.create(IMAGE, ["python", "-c", code], name=name, stop_signal="KILL", **options))
        network.connect(made[-1], aliases=["db", "database"])
        made[-1].start()
        return made[-1]

    yield start
    for container in made:
        container.remove(force=True)


def until(done: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def status(container: Container) -> str:
    container.reload()
    return str(container.status)


def fault(kind: FaultKind, **dose: Any) -> Fault:  # noqa: ANN401 - as the kind has it
    return Fault(at="sustain", kind=kind, service="db", seconds=1.0, **dose)


def answer_seconds(container: Container) -> float:
    container.reload()
    (published,) = container.attrs["NetworkSettings"]["Ports"]["80/tcp"]
    started = time.monotonic()
    with urlopen(f"http://127.0.0.1:{published['HostPort']}/", timeout=10) as answer:
        answer.read()
    return time.monotonic() - started


@pytest.mark.parametrize(
    ("kind", "meanwhile"),
    [(FaultKind.PAUSE, "paused"), (FaultKind.KILL, "exited"), (FaultKind.RESTART, "exited")],
)
def test_a_container_is_paused_or_stopped_and_then_runs_again(
    client: docker.DockerClient, run: Callable[..., Container], kind: FaultKind, meanwhile: str
) -> None:
    container = run(IDLE)
    end_fault = inject_container_fault(client, container, fault(kind))
    assert status(container) == meanwhile
    end_fault()
    assert status(container) == "running"


def test_a_container_is_disconnected_and_then_reconnected_with_its_aliases(
    client: docker.DockerClient, run: Callable[..., Container], network: Network
) -> None:
    container = run(IDLE)
    container.reload()
    networks = container.attrs["NetworkSettings"]["Networks"]
    before = {name: set(how["Aliases"] or ()) for name, how in networks.items()}
    assert {"db", "database"} <= before[network.name]
    end_fault = inject_container_fault(client, container, fault(FaultKind.DISCONNECT))
    container.reload()
    assert container.attrs["NetworkSettings"]["Networks"] == {}
    end_fault()
    container.reload()
    after = container.attrs["NetworkSettings"]["Networks"]
    assert {name: set(how["Aliases"] or ()) for name, how in after.items()} == before


@pytest.mark.parametrize("given", [{}, {"nano_cpus": 500_000_000}])
def test_a_cpu_limit_is_lowered_and_then_restored(
    client: docker.DockerClient, run: Callable[..., Container], given: dict[str, int]
) -> None:
    container = run(IDLE, **given)
    end_fault = inject_container_fault(client, container, fault(FaultKind.CPU, cpus=0.05))
    container.reload()
    assert container.attrs["HostConfig"]["NanoCpus"] == 50_000_000
    end_fault()
    container.reload()
    assert container.attrs["HostConfig"]["NanoCpus"] == given.get("nano_cpus", client.info()["NCPU"] * 10**9)


def test_a_container_beyond_its_memory_limit_is_killed_and_started_again(
    client: docker.DockerClient, run: Callable[..., Container]
) -> None:
    container = run(GREEDY, mem_limit=200 * MEGABYTE)
    end_fault = inject_container_fault(client, container, fault(FaultKind.MEMORY, memory="60M"))
    until(lambda: status(container) == "exited")
    assert container.attrs["State"]["OOMKilled"]
    end_fault()
    assert status(container) == "running"
    assert container.attrs["HostConfig"]["Memory"] == 200 * MEGABYTE


def test_a_memory_limit_below_current_use_is_refused_with_advice(
    client: docker.DockerClient, run: Callable[..., Container]
) -> None:
    container = run("kept = bytearray(b'x' * 50 * 2**20)\n" + IDLE)
    until(lambda: container.stats(stream=False)["memory_stats"].get("usage", 0) > 50 * MEGABYTE)
    with pytest.raises(EnvironmentFailedError, match="the limit must exceed what it uses"):
        inject_container_fault(client, container, fault(FaultKind.MEMORY, memory="20M"))


def test_a_helper_container_sets_the_queueing_discipline(
    client: docker.DockerClient, run: Callable[..., Container]
) -> None:
    """With pfifo, which every kernel has; netem is an optional module."""
    container = run("import socket; socket.create_server(('', 80)).accept()")
    set_queueing_discipline(client, container, "add", "pfifo", 0)
    with pytest.raises(EnvironmentFailedError, match="pfifo of fault-"):
        set_queueing_discipline(client, container, "add", "pfifo", 0)  # it has one
    set_queueing_discipline(client, container, "del", "pfifo", 0)


def test_packets_are_delayed_or_the_message_names_the_missing_kernel_module(
    client: docker.DockerClient, run: Callable[..., Container]
) -> None:
    serving = run("import http.server; http.server.test(port=80)", ports={"80/tcp": ("127.0.0.1", None)})
    try:
        end_fault = inject_container_fault(client, serving, fault(FaultKind.LATENCY, latency_ms=300.0))
    except EnvironmentFailedError as error:
        if "no netem" in str(error) and "modprobe sch_netem" in str(error):
            pytest.skip(str(error))
        raise
    assert answer_seconds(serving) > 0.5  # the answer to the connection, and that to the request
    end_fault()
    assert answer_seconds(serving) < 0.5
