"""Administration of a PostgreSQL server, and its template databases: seeded, migrated once per revision, copied.

A title names a set of databases, one per service: ``seed``, ``before_migrated``, and ``leg``, which the services use.
Each set is a copy of another, so all legs of an arm start from the same blocks.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import psycopg
from psycopg import sql

from harness.environment.advice import advice
from harness.errors import EnvironmentFailedError
from harness.plan.model import PLACEBO, Plan
from harness.probes.access import Connection
from harness.probes.catalogue import read_build_seconds
from harness.record.trial import Migration

MIGRATION_TOOL_TABLES = ("alembic_version", "schema_migrations", "flyway_schema_history", "django_migrations")
_FILE_COPY_SINCE = 150_000
_OWNER = sql.SQL(
    "SELECT pg_get_userbyid(datdba), current_setting('server_version_num') FROM pg_database WHERE datname = {}"
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
SEED, LEG = "seed", "leg"
_INDEXES = """
    SELECT n.nspname || '.' || c.relname
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE i.indisvalid AND n.nspname NOT IN ('pg_catalog', 'pg_toast')
"""
_SIZE = "SELECT pg_database_size(current_database())"


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


@dataclass(frozen=True, slots=True)
class DatabaseContent:
    """The valid indexes of databases, and their size in bytes."""

    indexes: frozenset[str]
    size: int


def read_content(fetch: Callable[[str], list[tuple[object, ...]]]) -> DatabaseContent:
    """The content of a database; ``fetch`` returns the rows of a query."""
    indexes = frozenset(str(name).removeprefix("public.") for (name,) in fetch(_INDEXES))
    return DatabaseContent(indexes, int(str(fetch(_SIZE)[0][0])))


def title_of(plan: Plan, arm: str) -> str:
    """The title of an arm's databases, ``before_migrated``; arms of one revision share those of the first."""
    wanted = plan.databases_of(arm)
    return f"{next(one for one in plan.arms_in_order if plan.databases_of(one) == wanted)}_migrated"


def migrate_once(
    arms: Iterable[str], databases_of: Callable[[str], Hashable], migrate: Callable[[str], Sequence[Migration]]
) -> list[Migration]:
    """The migrations of all arms; ``migrate`` runs once for arms that share their databases."""
    done: dict[Hashable, Sequence[Migration]] = {}
    found = []
    for arm in arms:
        databases = databases_of(arm)
        if databases not in done:
            done[databases] = migrate(arm)
        found += [replace(one, arm=arm) for one in done[databases]]
    return found


@dataclass(frozen=True, slots=True)
class TemplateDatabases:
    """The databases of one server; ``names`` returns those of a title, in a constant order."""

    server: PostgresServer
    names: Callable[[str], Sequence[str]]

    def copy(self, source: str, target: str) -> None:
        """Replace the databases of a title by copies of another's, in parallel: they share the checkpoints."""
        sources, targets = self.names(source), self.names(target)
        with ThreadPoolExecutor(max(len(sources), 1)) as pool:
            list(pool.map(self.server.copy_database, sources, targets))
        self.server.execute(sql.SQL("CHECKPOINT"))

    def migrate(
        self,
        arm: str,
        revision: str | None,
        databases: Sequence[str],
        run: Callable[[], float] | None,
        *,
        service: str | None = None,
    ) -> Migration:
        """Measure the effect of a migration; ``run`` returns seconds. The placebo's databases are vacuumed too."""
        before = self._content(databases)
        seconds = run() if run else 0.0
        if arm == PLACEBO:
            self.server.vacuum(databases)
        after = self._content(databases)
        created = tuple(sorted(after.indexes - before.indexes))
        built = tuple(sorted(self._build_seconds(databases).items()))
        return Migration(arm, revision, seconds, created, before.size, after.size, service, built)

    def _build_seconds(self, databases: Sequence[str]) -> dict[str, float]:
        """Build time by index; empty if the server has no pg_stat_statements."""
        built: dict[str, float] = {}
        with suppress(psycopg.Error), self.server.connect("postgres") as connection:
            for database in databases:
                found = read_build_seconds(connection, database)
                built |= {_in_database(index, database, databases): seconds for index, seconds in found.items()}
        return built

    def _content(self, databases: Sequence[str]) -> DatabaseContent:
        found = {database: read_content(partial(self.server.fetch, database=database)) for database in databases}
        indexes = {_in_database(index, name, databases) for name, one in found.items() for index in one.indexes}
        return DatabaseContent(frozenset(indexes), sum(one.size for one in found.values()))


def _in_database(index: str, database: str, databases: Sequence[str]) -> str:
    return f"{database}.{index}" if len(databases) > 1 else index
