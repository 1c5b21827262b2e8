"""The databases of a PostgreSQL server in a container."""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from harness.environment.compose.model import Credentials
from harness.environment.postgres import PostgresServer, message_of
from harness.environment.template_databases import LEG
from harness.errors import EnvironmentFailedError
from harness.probes.access import Connection

_ALL = "SELECT datname FROM pg_database WHERE NOT datistemplate AND datallowconn ORDER BY datname"
_TEMPLATE = "harness_"


@dataclass(frozen=True, slots=True)
class Databases(PostgresServer):
    """The databases of the server at ``host`` and ``port``, by the names that services use."""

    admin_database = "template1"
    host: str
    port: int
    credentials: Credentials

    def answers(self) -> bool:
        """Whether the services' database answers a query."""
        try:
            return self.fetch("SELECT 1", self.credentials.database) == [(1,)]
        except psycopg.Error:
            return False

    def names(self, title: str = LEG) -> list[str]:
        """The databases of the services, or the templates of a title that are copies of them."""
        found = [str(name) for (name,) in self.fetch(_ALL)]
        used = [name for name in found if not name.startswith(_TEMPLATE)]
        used = [name for name in used if name != "postgres" or self.credentials.database == "postgres"]
        return used if title == LEG else [f"{_TEMPLATE}{title}_{number}" for number in range(len(used))]

    def apply(self, scripts: Sequence[tuple[str, bytes]], database: str | None) -> None:
        """Run SQL scripts, pairs of name and text, in order; raises ``EnvironmentFailedError`` with the name."""
        for name, text in scripts:
            try:
                with self.connect(database or self.credentials.database) as connection:
                    connection.execute(text)
            except psycopg.Error as error:
                raise EnvironmentFailedError(f"{name}: {message_of(error)}") from error

    def connect(self, database: str = "") -> Connection:
        who = self.credentials
        return psycopg.connect(
            host=self.host,
            port=self.port,
            user=who.user,
            password=who.password or None,
            dbname=database or self.admin_database,
            autocommit=True,
            connect_timeout=5,
        )
