"""Administration of a PostgreSQL server, common to all kinds of environment."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from typing import ClassVar

import psycopg
from psycopg import sql

from harness.environment.advice import advice
from harness.errors import EnvironmentFailedError
from harness.probes.access import Connection

MIGRATION_TOOL_TABLES = ("alembic_version", "schema_migrations", "flyway_schema_history", "django_migrations")
_FILE_COPY_SINCE = 150_000
_OWNER = sql.SQL(
    "SELECT pg_get_userbyid(datdba), current_setting('server_version_num')::int FROM pg_database WHERE datname = {}"
)
_DISCONNECT = sql.SQL("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {}")
_TABLES = """
    SELECT n.nspname, c.relname, c.reltuples::bigint,
           pg_relation_size(c.oid) + (SELECT coalesce(sum(pg_relation_size(relid)), 0) FROM pg_partition_tree(c.oid))
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname !~ '^(pg_|information_schema$)'
      AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
    ORDER BY n.nspname, c.relname
"""
_COUNT = sql.SQL("SELECT count(*) FROM {}")


def message_of(error: psycopg.Error) -> str:
    """The server's message; of a broken connection one line, with advice if the cause is known."""
    text = str(error).strip() or "the connection broke"
    if not isinstance(error, psycopg.OperationalError):
        return text
    return text.splitlines()[0] + advice(text)


def row_counts(connection: Connection, *, count_up_to_bytes: float = math.inf) -> dict[str, int]:
    """Rows by table of the connected database: ``table`` in the schema public, else ``schema.table``.

    A partitioned table includes its partitions. Above ``count_up_to_bytes`` the value is the estimate of the last
    ANALYZE, under ``table (about)``. Tables of migration tools are left out.
    """
    counts = {}
    for schema, table, estimate, size in connection.execute(_TABLES.encode()).fetchall():
        name = f"{schema}.{table}".removeprefix("public.")
        if table in MIGRATION_TOOL_TABLES:
            continue
        if size > count_up_to_bytes:
            counts[f"{name} (about)"] = max(int(estimate), 0)
        else:
            ((rows,),) = connection.execute(_COUNT.format(sql.Identifier(schema, table))).fetchall()
            counts[name] = int(rows)
    return counts


class PostgresServer(ABC):
    """A PostgreSQL server that the run administers."""

    admin_database: ClassVar[str] = "postgres"
    """The database for statements about the whole server."""

    @abstractmethod
    def connect(self, database: str = "") -> Connection:
        """An administrator's connection in autocommit mode; ``""`` is ``admin_database``."""

    def fetch(self, query: str, database: str = "") -> list[tuple[object, ...]]:
        with self.connect(database) as connection:
            return connection.execute(query.encode()).fetchall()

    def execute(self, *statements: sql.SQL | sql.Composed, database: str = "") -> None:
        """Run statements in one connection; raises ``EnvironmentFailedError`` with the server's message."""
        try:
            with self.connect(database) as connection:
                for statement in statements:
                    connection.execute(statement)
        except psycopg.Error as error:
            raise self.failure(error) from error

    def failure(self, error: psycopg.Error) -> EnvironmentFailedError:
        """The error to raise for a failed statement."""
        return EnvironmentFailedError(f"postgres: {message_of(error)}")

    def copy_database(self, source: str, target: str) -> None:
        """Replace a database by a copy of another, with the same owner; ends the sessions of both."""
        ((owner, version),) = self.fetch(_OWNER.format(sql.Literal(source)).as_string())
        names = [sql.Identifier(target), sql.Identifier(source), sql.Identifier(str(owner))]
        strategy = sql.SQL(" STRATEGY FILE_COPY" if int(str(version)) >= _FILE_COPY_SINCE else "")
        self.execute(
            _DISCONNECT.format(sql.Literal(source)),
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(names[0]),
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(*names) + strategy,
        )

    def vacuum(self, databases: Sequence[str]) -> None:
        for database in databases:
            self.execute(sql.SQL("VACUUM (ANALYZE)"), database=database)

    def create_statistics_extension(self) -> None:
        """Create pg_stat_statements in the database postgres, if the server has it."""
        with suppress(psycopg.Error), self.connect("postgres") as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")

    def version(self) -> str:
        return str(self.fetch("SHOW server_version")[0][0])
