"""One PostgreSQL server that the tests of probes share."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.environment.processes import ManagedProcesses
from harness.environment.servers import Postgres, postgres_programs
from harness.plan.environment import DEFAULT_POSTGRES
from harness.probes.access import Database
from tests.cluster import create_cluster

Make = Callable[[str], Database]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    folder = tmp_path_factory.mktemp("postgres")
    with tempfile.TemporaryDirectory(prefix="harness-") as sockets:
        processes = ManagedProcesses(folder)
        made = Postgres(
            processes, folder / "data", Path(sockets), folder / "postgres.log", DEFAULT_POSTGRES | {"fsync": "off"}
        )
        try:
            create_cluster(made.data, postgres_programs())
            made.start()
            with made.connect() as connection:
                connection.execute("CREATE EXTENSION pg_stat_statements")
            yield made
        finally:
            processes.close()


@pytest.fixture(scope="session")
def make(server: Postgres) -> Make:
    """Makes a database of a name, once."""

    def create(name: str) -> Database:
        with server.connect() as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return Database(None, name, lambda: server.connect(name), server.connect)

    return create
