"""Databases: those of a PostgreSQL server in a container, kept as templates and put back before each leg."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import psycopg
from psycopg import sql

from harness.environment.advice import advice
from harness.environment.compose_model import Credentials
from harness.environment.servers import BOOKKEEPING
from harness.errors import EnvironmentFailedError
from harness.probes.access import Connection

_ALL = "SELECT datname FROM pg_database WHERE NOT datistemplate AND datallowconn ORDER BY datname"
_OWNER = sql.SQL(
    "SELECT pg_get_userbyid(datdba), current_setting('server_version_num')::int FROM pg_database WHERE datname = {}"
)
_TABLES = "SELECT schemaname, relname FROM pg_stat_user_tables ORDER BY schemaname, relname"
_COUNT = sql.SQL("SELECT count(*) FROM {}")
_KEPT = "harness_"
_FILE_COPY_SINCE = 150_000


def told(error: psycopg.Error) -> str:
    """What a server says is wrong; one line where it is not about a statement, and what to do where that is known."""
    text = str(error).strip() or "the connection broke"
    if not isinstance(error, psycopg.OperationalError):
        return text
    return text.splitlines()[0] + advice(text)


@dataclass(frozen=True, slots=True)
class Databases:
    """The databases of one server, which answers at ``host`` and ``port``; names are those that its services use."""

    host: str
    port: int
    credentials: Credentials

    def answers(self) -> bool:
        """Whether a query is answered in the database that the services use."""
        try:
            return self.fetch("SELECT 1", self.credentials.database) == [(1,)]
        except psycopg.Error:
            return False

    def names(self) -> list[str]:
        """The databases that services may use."""
        found = [str(name) for (name,) in self.fetch(_ALL)]
        kept = [name for name in found if not name.startswith(_KEPT)]
        return [name for name in kept if name != "postgres" or self.credentials.database == "postgres"]

    def keep(self, title: str) -> None:
        """Keep a copy of each database under a title, to be put back as often as needed."""
        for number, name in enumerate(self.names()):
            self._copy(name, f"{_KEPT}{title}_{number}")

    def put_back(self, title: str) -> None:
        """Give every database the content that it had when it was kept; whoever is connected is sent away."""
        for number, name in enumerate(self.names()):
            self._copy(f"{_KEPT}{title}_{number}", name)
        self.execute(sql.SQL("CHECKPOINT"))

    def row_counts(self, database: str) -> dict[str, int]:
        """Rows per table, those of the schema ``public`` by their name alone."""
        tables = [(str(schema), str(name)) for schema, name in self.fetch(_TABLES, database) if name not in BOOKKEEPING]
        counts = {table: self.fetch(_COUNT.format(sql.Identifier(*table)).as_string(), database) for table in tables}
        return {".".join(table).removeprefix("public."): int(str(rows[0][0])) for table, rows in counts.items()}

    def count_statements(self) -> None:
        """Have the extension that tells what was executed in the database postgres, where the server has it."""
        with suppress(psycopg.Error), self.connect("postgres") as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")

    def fetch(self, query: str, database: str = "template1") -> list[tuple[object, ...]]:
        """All rows of a query."""
        with self.connect(database) as connection:
            return connection.execute(query.encode()).fetchall()

    def execute(self, *statements: sql.Composable | bytes, database: str = "template1") -> None:
        """Run statements.

        Raises:
            EnvironmentFailedError: with the server's message.
        """
        try:
            with self.connect(database) as connection:
                for statement in statements:
                    connection.execute(statement)  # type: ignore[arg-type] # a Composable is a query
        except psycopg.Error as error:
            raise EnvironmentFailedError(f"postgres: {told(error)}") from error

    def apply(self, scripts: Sequence[tuple[str, bytes]], database: str | None) -> None:
        """Run SQL scripts, each a name and a text, in order; a script may hold several statements.

        Raises:
            EnvironmentFailedError: naming the script.
        """
        for name, text in scripts:
            try:
                with self.connect(database or self.credentials.database) as connection:
                    connection.execute(text)
            except psycopg.Error as error:
                raise EnvironmentFailedError(f"{name}: {told(error)}") from error

    def _copy(self, source: str, target: str) -> None:
        one, other = sql.Identifier(source), sql.Identifier(target)
        ((owner_name, version),) = self.fetch(_OWNER.format(sql.Literal(source)).as_string())
        owner = sql.Identifier(str(owner_name))
        how = sql.SQL(" STRATEGY FILE_COPY" if int(str(version)) >= _FILE_COPY_SINCE else "")
        leave = sql.SQL("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {}")
        self.execute(
            leave.format(sql.Literal(source)),
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(other),
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(other, one, owner) + how,
        )

    def connect(self, database: str) -> Connection:
        """An administrator's connection in autocommit mode."""
        who = self.credentials
        return psycopg.connect(
            host=self.host,
            port=self.port,
            user=who.user,
            password=who.password or None,
            dbname=database,
            autocommit=True,
            connect_timeout=5,
        )
