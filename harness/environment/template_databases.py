"""Template databases: seeded once, migrated once per revision, copied before each leg.

A title names a set of databases, one per service: ``seed``, ``before_migrated``, and ``leg``, which the services use.
Each set is a copy of another, so all legs of an arm start from the same blocks.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

import psycopg
from psycopg import sql

from harness.environment.postgres import PostgresServer
from harness.plan.model import PLACEBO, Plan
from harness.probes.catalogue import read_build_seconds
from harness.record.trial import Migration

SEED, LEG = "seed", "leg"
_INDEXES = """
    SELECT n.nspname || '.' || c.relname
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE i.indisvalid AND n.nspname NOT IN ('pg_catalog', 'pg_toast')
"""
_SIZE = "SELECT pg_database_size(current_database())"


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
