"""A real PostgreSQL server of any version, with a database of a leg."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg

from harness.environment.processes import ManagedProcesses
from harness.environment.servers import as_nobody, free_ports, wait_until
from harness.probes.access import Connection, Database
from tests.cluster import create_cluster

PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Server:
    """A server with trust authentication on its socket."""

    sockets: Path
    port: int

    def connect(self, database: str = "postgres", user: str = "postgres") -> Connection:
        return psycopg.connect(host=str(self.sockets), port=self.port, user=user, dbname=database, autocommit=True)

    def execute(self, *statements: str, database: str = "postgres") -> None:
        with self.connect(database) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def renew(self) -> None:
        """A database ``leg`` with a table of 1,000 rows, as before each leg, and no statements counted before."""
        with suppress(psycopg.errors.UndefinedFunction, psycopg.errors.ObjectNotInPrerequisiteState):
            self.execute("SELECT pg_stat_statements_reset()")  # a server that is full forgets some meanwhile
        self.execute("DROP DATABASE IF EXISTS leg WITH (FORCE)", "CREATE DATABASE leg OWNER service")
        with self.connect("leg", "service") as connection:
            connection.execute("CREATE TABLE items AS SELECT g AS id, g % 10 AS kind FROM generate_series(1, 1000) g")
            connection.execute("CREATE INDEX by_id ON items (id)")
            connection.execute("CREATE INDEX by_kind ON items (kind)")

    def database(self, user: str = "postgres", *, counted: str = "postgres") -> Database:
        """The access of a probe to ``leg`` as a role."""
        return Database(None, "leg", partial(self.connect, "leg", user), partial(self.connect, counted, user))


def programs_of(version: str) -> Path | None:
    """The folder of an older server's programs: Debian's, or ``POSTGRES_14``."""
    path = Path(os.environ.get(f"POSTGRES_{version}", f"/usr/lib/postgresql/{version}/bin"))
    return path if (path / "postgres").exists() else None


@contextmanager
def running(programs: Path, *, preloaded: str = "pg_stat_statements") -> Iterator[Server]:
    folder, sockets = Path(tempfile.mkdtemp()), Path(tempfile.mkdtemp(prefix="harness-"))
    processes = ManagedProcesses(folder, sockets)
    (port,) = free_ports()
    try:
        create_cluster(folder / "data", programs)
        settings = {
            "port": port,
            "listen_addresses": "",
            "unix_socket_directories": sockets,
            "shared_preload_libraries": preloaded,
            "pg_stat_statements.max": 100,
            "fsync": "off",
        }
        command = [*as_nobody(), str(programs / "postgres"), "-D", str(folder / "data")]
        command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        server = Server(sockets, port)
        process = processes.start("postgres", command, folder / "log", cwd=sockets, env={}, stops_by=signal.SIGINT)

        def answers() -> bool:
            try:
                server.connect().close()
            except psycopg.OperationalError:
                return False
            return True

        wait_until(answers, process, PATIENCE, "a connection")
        server.execute("CREATE ROLE stranger LOGIN")
        yield server
    finally:
        processes.close()
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(sockets, ignore_errors=True)
