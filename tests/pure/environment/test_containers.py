"""Errors from a container's state, a server's error or a line of a log."""

import time
from typing import Any

import psycopg
import pytest
from docker.errors import APIError, NotFound

from harness.environment.advice import advice
from harness.environment.compose import containers
from harness.environment.compose.containers import cause_of, failure_of
from harness.environment.postgres import message_of
from harness.errors import CommandError, EnvironmentFailedError

KILLED = (
    "api ran out of memory (OOM kill): it needed more than its limit of 64 MiB; "
    "raise its limit, as in [environment.limits] "
    'api = { memory = "512M" }, or find the leak'
)


class Box:
    """A container as the Docker SDK describes it."""

    name = "harness-1-api-1"

    def __init__(self, *, log: str = "", gone: bool = False, **state: Any) -> None:  # noqa: ANN401 - as the engine writes it
        self.log, self.gone = log, gone
        self.attrs = {"State": {"Status": "running", "ExitCode": 0, **state}, "HostConfig": {"Memory": 64 << 20}}

    def reload(self) -> None:
        if self.gone:
            raise NotFound("no such container")

    def logs(self, tail: int) -> bytes:
        return "\n".join(self.log.splitlines()[-tail:]).encode()


@pytest.mark.parametrize(
    ("box", "text"),
    [
        (Box(), None),
        (Box(Status="exited"), None),
        (Box(Status="exited", ExitCode=2, log="a\nb"), "api ended by itself (status 2)"),
        (Box(Status="exited", ExitCode=137), "api ended by itself (signal 9)"),
        (
            Box(Status="exited", ExitCode=1, log="OSError: [Errno 98] Address already in use"),
            "api ended by itself (status 1) (another program uses that port: stop it, or change the port)",
        ),
        (Box(gone=True), "api was removed by somebody else: run the plan again"),
        (
            Box(OOMKilled=True, Status="exited", ExitCode=137),
            KILLED,
        ),
        (
            Box(Health={"Status": "unhealthy", "Log": [{"Output": "ill\n"}]}),
            'api is unhealthy; its health check printed "ill"',
        ),
    ],
)
def test_trouble_is_one_line_that_says_what_to_do(box: Any, text: str | None) -> None:  # noqa: ANN401 - a double
    found = failure_of("api", box)
    assert (found and str(found)) == text
    if found and not box.gone:
        assert found.__notes__[0].startswith("last lines of harness-1-api-1:")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (None, None),
        (KeyboardInterrupt(), None),
        (EnvironmentFailedError("known"), None),
        (psycopg.OperationalError("connection failed\n\tis it running?"), "postgres: connection failed"),
        (psycopg.ProgrammingError("syntax error\nLINE 1: SELEC"), "postgres: syntax error\nLINE 1: SELEC"),
        (APIError("conflict", explanation="it is in use"), "Docker: it is in use"),
    ],
)
def test_an_error_of_a_server_is_told_as_it_is_where_all_containers_are_well(
    monkeypatch: pytest.MonkeyPatch, error: BaseException | None, told: str | None
) -> None:
    monkeypatch.setattr(containers, "NOTICED_SECONDS", 0.0)
    found = cause_of(error, lambda: None)
    assert (found and str(found)) == told


def test_a_container_that_ended_is_the_reason_of_what_failed_because_of_it() -> None:
    ended, known_at = EnvironmentFailedError("db ended by itself (signal 9)"), time.monotonic() + 0.3

    def look() -> None:
        if time.monotonic() > known_at:  # the engine takes a moment to know
            raise ended

    wrapped = EnvironmentFailedError("items.sql: server closed the connection")
    wrapped.__cause__ = psycopg.OperationalError("server closed the connection")
    for error in (
        psycopg.OperationalError("server closed the connection"),
        wrapped,
        CommandError("seed in api failed"),
    ):
        assert cause_of(error, look) is ended


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("write /var/lib: no space left on device", "the disk is full"),
        ("driver failed: Bind for 0.0.0.0:80 failed: port is already allocated", "another program uses that port"),
        ('Error: Get "https://registry.invalid/v2/": dial tcp: no such host', "the image cannot be pulled"),
        ("dial tcp: lookup db on 127.0.0.11:53: no such host", ""),  # a service that looks for another
        ("Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?", "start Docker"),
        ("all is well", ""),
    ],
)
def test_known_messages_come_with_advice(text: str, what: str) -> None:
    assert advice(text).startswith(f" ({what}" if what else "")
    assert bool(advice(text)) is bool(what)


def test_a_full_disk_of_a_database_is_said_in_one_line_with_advice() -> None:
    error = psycopg.errors.DiskFull("could not extend file: No space left on device\nHINT:  Check free disk space.")
    assert message_of(error).startswith("could not extend file: No space left on device (the disk is full: free some")
