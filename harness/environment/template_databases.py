"""Template databases: seeded once, migrated once for each revision, copied before each leg.

A title names one set of databases, one for each service: ``seed``, ``before_migrated``, and ``leg``, on which the
services work. Every set is a copy of another one, so that all legs of an arm start from the same pages.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

import psycopg
from psycopg import sql

from harness.environment.migration_content import Content, content, migrated
from harness.environment.postgres import PostgresServer
from harness.plan.model import PLACEBO, Plan
from harness.probes.catalogue import read_build_seconds
from harness.record.trial import Migration

SEED, LEG = "seed", "leg"


def title_of(plan: Plan, arm: str) -> str:
    """The title of an arm's databases, ``before_migrated``: arms of one revision share those of the first."""
    wanted = plan.databases_of(arm)
    return f"{next(one for one in plan.arms_in_order if plan.databases_of(one) == wanted)}_migrated"


def migrate_once(
    arms: Iterable[str], databases_of: Callable[[str], Hashable], migrate: Callable[[str], Sequence[Migration]]
) -> list[Migration]:
    """The migrations of all arms; ``migrate`` runs for the first arm of those that share their databases."""
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
    """The databases of one server; ``names`` gives those of a title, always as many and in the same order."""

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
        """Run the migration of databases, and measure its effect on them; ``run`` returns seconds.

        The databases of the placebo are vacuumed and analysed afterwards.
        """
        before = self._content(databases)
        seconds = run() if run else 0.0
        if arm == PLACEBO:
            self.server.vacuum(databases)
        after = self._content(databases)
        built = self._build_seconds(databases)
        return migrated(arm, revision, seconds, before, after, service=service, index_seconds=built)

    def _build_seconds(self, databases: Sequence[str]) -> dict[str, float]:
        """Build time by index; empty if the server has no pg_stat_statements."""
        built: dict[str, float] = {}
        with suppress(psycopg.Error), self.server.connect("postgres") as connection:
            for database in databases:
                found = read_build_seconds(connection, database)
                built |= {_in_database(index, database, databases): seconds for index, seconds in found.items()}
        return built

    def _content(self, databases: Sequence[str]) -> Content:
        found = {database: content(partial(self.server.fetch, database=database)) for database in databases}
        indexes = {_in_database(index, name, databases) for name, one in found.items() for index in one.indexes}
        return Content(frozenset(indexes), sum(one.size for one in found.values()))


def _in_database(index: str, database: str, databases: Sequence[str]) -> str:
    return f"{database}.{index}" if len(databases) > 1 else index
