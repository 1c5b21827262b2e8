"""The health of a leg's containers, and their events under load."""

import math
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import docker
import psycopg
import requests
from docker.errors import DockerException, NotFound
from docker.models.containers import Container

from harness.environment.advice import advice
from harness.environment.compose.engine import explain
from harness.environment.compose.labels import OWNER
from harness.environment.postgres import message_of
from harness.environment.processes import TAIL_LINES, last_lines
from harness.environment.variables import conceal
from harness.errors import CommandError, EnvironmentFailedError
from harness.probes.container import BROKEN_STREAM
from harness.record.trial import Incident

SERVICE = "com.docker.compose.service"
NOTICED_SECONDS, SHUTDOWN_SECONDS = 1.0, 3.0
EVENTS = ("die", "oom", "start")
SIGNALLED = 128
CLOCKS_SECONDS = 1.0
"""The largest difference of Docker's clock and this one."""


def failure_of(name: str, container: Container) -> EnvironmentFailedError | None:
    """Why a container cannot be measured; ``None`` if it is not unhealthy, or ended with status 0."""
    try:
        container.reload()
    except NotFound:
        return EnvironmentFailedError(f"{name} was removed by somebody else: run the plan again")
    state: Mapping[str, Any] = container.attrs["State"]
    health = state.get("Health") or {}
    if state.get("OOMKilled"):
        limit = container.attrs["HostConfig"].get("Memory") or 0
        allowed = f"its limit of {limit / 2**20:.0f} MiB" if limit else "the machine has"
        fix = f'raise its limit, as in [environment.limits] {name} = {{ memory = "512M" }}, or find the leak'
        return with_log(f"{name} ran out of memory (OOM kill): it needed more than {allowed}; {fix}", container)
    if state["Status"] in ("exited", "dead") and state["ExitCode"]:
        code = state["ExitCode"]
        how = f"status {code}" if code < SIGNALLED else f"signal {code - SIGNALLED}"
        return with_log(f"{name} ended by itself ({how})", container)
    if health.get("Status") == "unhealthy":
        outputs = [conceal(str(entry.get("Output", ""))).strip() for entry in health.get("Log") or ()]
        what = f'; its health check printed "{outputs[-1][:200]}"' if outputs and outputs[-1] else ""
        return with_log(f"{name} is unhealthy{what}", container)
    return None


def with_log(text: str, container: Container) -> EnvironmentFailedError:
    """An error with advice, and the last lines of a container's log as a note."""
    lines: list[str] = []
    with suppress(DockerException, requests.RequestException):
        lines = conceal(container.logs(tail=TAIL_LINES).decode(errors="replace")).splitlines()
    error = EnvironmentFailedError(text + advice("\n".join(lines)))
    error.add_note(last_lines(container.name, lines))
    return error


def cause_of(error: BaseException | None, check_containers: Callable[[], None]) -> EnvironmentFailedError | None:
    """The cause of an error (an unhealthy container, Docker, the server); ``None`` if its message names the cause."""
    if isinstance(error, DockerException | requests.RequestException):
        return EnvironmentFailedError(explain(error))
    server = next((one for one in (error, error and error.__cause__) if isinstance(one, psycopg.Error)), None)
    lost = isinstance(server, psycopg.OperationalError) or isinstance(error, CommandError)
    deadline = time.monotonic() + NOTICED_SECONDS
    while lost:  # a connection breaks before Docker reports the end of the container
        try:
            check_containers()
        except EnvironmentFailedError as found:
            return found
        except (DockerException, requests.RequestException) as gone:
            return EnvironmentFailedError(explain(gone))
        lost = time.monotonic() < deadline
        time.sleep(0.1)
    return EnvironmentFailedError(f"postgres: {message_of(server)}") if server is not None and server is error else None


class ContainerEvents:
    """The events of a run's containers, from the start until ``close``."""

    def __init__(self, client: docker.DockerClient, owner: str, containers: Mapping[str, Container]) -> None:
        self.client, self.containers = client, dict(containers)
        self.started = time.time()
        self._seen: list[tuple[float, str, str]] = []
        self._planned: dict[str, list[list[float]]] = {}
        self._lost: BaseException | None = None
        self._closed = self._checked = False
        chosen = {"label": f"{OWNER}={owner}", "type": "container", "event": list(EVENTS)}
        self._events = client.events(decode=True, filters=chosen)
        self._thread = threading.Thread(target=self._listen, name="container events", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raise ``EnvironmentFailedError`` if a container ended and did not restart, or Docker stopped answering."""
        self._check_engine()
        died = {service for at, service, what in self._seen if what == "die" and not self._planned_at(service, at)}
        down = died & {*self.containers}
        if not self._checked:  # one may have ended before the first event
            down, self._checked = {*self.containers}, True
        for service in down:
            if found := failure_of(service, self.containers[service]):
                self._thread.join(SHUTDOWN_SECONDS)  # Docker stops its containers before it shuts down
                self._check_engine()
                raise found

    def _check_engine(self) -> None:
        if self._lost is not None:
            raise EnvironmentFailedError(
                "Docker stopped during the run, and its containers with it; check that it runs (docker info), and run "
                "the plan again"
            ) from self._lost

    def expect(self, service: str) -> Callable[[], None]:
        """Treat events of a service as planned until the returned function is called."""
        period = [time.time(), math.inf]
        self._planned.setdefault(service, []).append(period)

        def over() -> None:
            period[1] = time.time()

        return over

    def close(self, leg: str = "") -> list[Incident]:
        """Stop listening; returns the unplanned events, oldest first."""
        self._closed = True
        with suppress(DockerException, OSError, AttributeError):  # Docker has stopped
            self._events.close()
        self._thread.join(timeout=5)
        words = {"oom": "ran out of memory", "die": "ended", "start": "restarted"}
        return [
            Incident(leg, service, words[what], round(at - self.started, 3))
            for at, service, what in self._seen
            if service in self.containers and not self._planned_at(service, at)
        ]

    def _planned_at(self, service: str, at: float) -> bool:
        periods = self._planned.get(service, ())
        return any(begin - CLOCKS_SECONDS <= at <= end + CLOCKS_SECONDS for begin, end in periods)

    def _listen(self) -> None:
        try:
            for event in self._events:
                attributes = event["Actor"]["Attributes"]
                if attributes.get("com.docker.compose.oneoff") != "True":
                    at = event["timeNano"] / 1e9
                    self._seen.append((at, attributes.get(SERVICE, "?"), event["Action"]))
            if not self._closed:
                self._lost = ConnectionError("the stream of events ended")
        except BROKEN_STREAM as error:
            if not self._closed:
                self._lost = error
