"""Containers: whether those of a leg are well, and what happened to them while they were under load."""

import math
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import docker
import requests
from docker.errors import DockerException, NotFound
from docker.models.containers import Container

from harness.environment.engine import OWNER, explain
from harness.environment.processes import TAIL_LINES
from harness.errors import EnvironmentFailedError
from harness.trial import Incident

TOLD = ("die", "oom", "start")
SIGNALLED = 128
CLOCKS_SECONDS = 1.0
"""How far the engine's clock may be from this one."""


def trouble(name: str, container: Container) -> EnvironmentFailedError | None:
    """Why a container cannot be measured; ``None`` when it runs and is not unhealthy, or did its work and ended."""
    with suppress(NotFound):
        container.reload()
    state: Mapping[str, Any] = container.attrs["State"]
    health = state.get("Health") or {}
    if state.get("OOMKilled"):
        limit = container.attrs["HostConfig"].get("Memory") or 0
        allowed = f"its limit of {limit / 2**20:.0f} MiB" if limit else "what the machine has"
        fix = f'raise its memory, as in [environment.limits] {name} = {{ memory = "512M" }}, or look for a leak'
        return _with_log(f"{name} was killed as it needed more memory than {allowed}; {fix}", container)
    if state["Status"] in ("exited", "dead") and state["ExitCode"]:
        code = state["ExitCode"]
        how = f"status {code}" if code < SIGNALLED else f"signal {code - SIGNALLED}"
        return _with_log(f"{name} ended by itself ({how})", container)
    if health.get("Status") == "unhealthy":
        said = [str(entry.get("Output", "")).strip() for entry in health.get("Log") or ()]
        what = f'; its health check says "{said[-1][:200]}"' if said and said[-1] else ""
        return _with_log(f"{name} is unhealthy{what}", container)
    return None


def _with_log(text: str, container: Container) -> EnvironmentFailedError:
    error = EnvironmentFailedError(text)
    with suppress(DockerException, requests.RequestException):
        lines = container.logs(tail=TAIL_LINES).decode(errors="replace").splitlines()
        error.add_note("\n".join([f"last lines of {container.name}:", *(f"  {line}" for line in lines or ["(empty)"])]))
    return error


class Watch:
    """Hears from the engine what happens to a run's containers, from its start until it is closed."""

    def __init__(self, client: docker.DockerClient, owner: str, containers: Mapping[str, Container]) -> None:
        self.client, self.containers = client, dict(containers)
        self.started = time.time()
        self._told: list[tuple[float, str, str]] = []
        self._planned: dict[str, list[list[float]]] = {}
        self._lost: BaseException | None = None
        self._closed = False
        chosen = {"label": f"{OWNER}={owner}", "type": "container", "event": list(TOLD)}
        self._events = client.events(decode=True, filters=chosen)
        self._thread = threading.Thread(target=self._listen, name="container events", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raise when a container has ended and stays so, or the engine went away.

        Raises:
            EnvironmentFailedError: with the last lines of the container's log as a note.
        """
        if self._lost is not None:
            raise EnvironmentFailedError(
                f"{explain(self._lost)}: it went away during the run, so that nothing is known of its containers; "
                "start it and run the plan again"
            )
        down = {service for at, service, what in self._told if what == "die" and not self._by_plan(service, at)}
        for service in down & {*self.containers}:
            if found := trouble(service, self.containers[service]):
                raise found

    def expect(self, service: str) -> Callable[[], None]:
        """From now on what happens to a service is by plan, until what is returned is called."""
        period = [time.time(), math.inf]
        self._planned.setdefault(service, []).append(period)

        def over() -> None:
            period[1] = time.time()

        return over

    def close(self, leg: str = "") -> list[Incident]:
        """Stop listening; returns what happened, oldest first."""
        self._closed = True
        self._events.close()
        self._thread.join(timeout=5)
        return [Incident(leg, service, what, round(at - self.started, 3)) for at, service, what in self._incidents()]

    def _incidents(self) -> list[tuple[float, str, str]]:
        words = {"oom": "ran out of memory", "die": "ended", "start": "was started again"}
        told = [(at, service, words[what]) for at, service, what in self._told if service in self.containers]
        return [(at, service, what) for at, service, what in told if not self._by_plan(service, at)]

    def _by_plan(self, service: str, at: float) -> bool:
        return any(
            begin - CLOCKS_SECONDS <= at <= end + CLOCKS_SECONDS for begin, end in self._planned.get(service, ())
        )

    def _listen(self) -> None:
        try:
            for event in self._events:
                attributes = event["Actor"]["Attributes"]
                if attributes.get("com.docker.compose.oneoff") != "True":
                    at = event["timeNano"] / 1e9
                    self._told.append((at, attributes.get("com.docker.compose.service", "?"), event["Action"]))
            if not self._closed:
                self._lost = ConnectionError("the stream of events ended")
        except (DockerException, requests.RequestException, OSError, ValueError, AttributeError) as error:
            if not self._closed:
                self._lost = error
