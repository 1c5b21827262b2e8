"""Catalogue: reads indexes and query plans of both arms outside the blocks, and re-tests after without single indexes.

An arm answers requests once more for its query plans, freshly reset and started: auto_explain slows statements down,
and the cost per request was read without it.
"""

import secrets
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from harness.evidence.ablation import ablation_of
from harness.plan.model import ARMS
from harness.probes.access import Database
from harness.probes.catalogue import read_catalogue, read_uses
from harness.probes.query_plans import AutoExplain, estimate
from harness.record.ablation import Ablation
from harness.record.catalogue import Catalogue, Counted, Index, PlanSurvey
from harness.record.catalogue_store import CatalogueStore
from harness.record.leg import Leg
from harness.record.query_plans import Explained
from harness.record.request_work import RequestWork
from harness.run.context import RunContext
from harness.run.request_work import RequestWorkReader

EXPLAINED, EXPLAINED_EACH, EXPLAINED_MAX = 60, 3, 200
"""Requests whose plans are read: so many, and so many of each endpoint of the corpus, at most the last."""
ESTIMATED_MAX = 60
"""Statements that are estimated where no plans can be read."""


class _EnoughRequestsError(Exception):
    """Ends the requests early: the plans of enough of them were read."""


class CatalogueReader:
    """Reads catalogue and query plans of both arms, where their databases are known; what cannot be read is missing."""

    def __init__(self, context: RunContext) -> None:
        self.context, self.store = context, CatalogueStore(context.folder)
        self._plans_due, self._catalogues_due = list(ARMS), list(ARMS)

    def read_plans(self) -> None:
        """Read the query plans that are due of arms whose cost per request is known, if the server's log is readable.

        Raises:
            EnvironmentFailedError: when the system under test does not come up or stay up.
            MeasurementError: when the generator breaks.
        """
        if not self._plans_due or not any(database.log for database in self.context.environment.databases()):
            return
        work = self.context.folder.read_inspected()
        for arm in [arm for arm in self._plans_due if arm in work]:
            self._plans_due.remove(arm)
            self.context.observer.say(f"reading plans · {arm}")
            self.store.write_survey(arm, _explained(self.context, work[arm]))

    def read_catalogue(self, leg: Leg) -> None:
        """Read the catalogue of an arm that was started for its first leg, and estimate plans that are unknown."""
        if leg.arm not in self._catalogues_due or not (databases := self.context.environment.databases()):
            return
        self._catalogues_due.remove(leg.arm)
        with suppress(psycopg.Error):
            self.store.write_catalogue(leg.arm, _catalogue(databases))
        work = self.context.folder.read_inspected().get(leg.arm)
        if work and leg.arm not in self.store.read_surveys():
            plans = tuple(_estimates(databases, work))
            self.store.write_survey(
                leg.arm, PlanSurvey(plans, missing="the log of the server cannot be read from here")
            )


def ablate_indexes(context: RunContext) -> None:
    """Re-test after with each index that the migration made dropped in turn.

    Raises:
        EnvironmentFailedError: when the system under test does not come up or stay up.
        MeasurementError: when the generator breaks.
    """
    store, observer = CatalogueStore(context.folder), context.observer
    catalogues = store.read_catalogues()
    if any(arm not in catalogues for arm in ARMS) or "after" not in context.folder.read_inspected():
        observer.say("nothing is left out: the databases are not known, or the plan has no [answers]")
        return
    made = [index for index in catalogues["after"].made_since(catalogues["before"]) if index.parent is None]
    kept = tuple((index.name, index.needed) for index in made if index.needed)
    dropped = [index for index in made if index.valid and not index.needed]
    observer.say(f"leaving out indexes · with all {len(made)}")
    whole = _work(context, None)
    done = []
    for number, index in enumerate(dropped, start=1):
        observer.say(f"leaving out indexes · {number} of {len(dropped)} · without {index.name}")
        done.append(ablation_of(index, whole, _work(context, index)))
        store.write_ablation(Ablation(tuple(done), kept, len(whole[0].requests)))


def _work(context: RunContext, index: Index | None) -> tuple[RequestWork, list[Explained]]:
    """What the corpus makes the databases of after do without an index, and the estimated plans."""
    with context.started("after", _out(context, "after")) as job:
        databases = context.environment.databases()
        with _without_page_images(databases):
            for database in databases if index else ():
                if index and database.service == index.service:
                    _drop(database, index)
            with RequestWorkReader(databases, context.environment.caches()) as reader:
                context.request_corpus(job, secrets.token_hex(16), reader.add)
            job.out.unlink(missing_ok=True)
            work = reader.result("after")
            return work, list(_estimates(databases, work))


def _explained(context: RunContext, work: RequestWork) -> PlanSurvey:
    """The query plans of some requests to an arm whose cost per request is known."""
    with context.started(work.arm, _out(context, work.arm)) as job:
        databases, limit = context.environment.databases(), _RequestLimit(work)
        with AutoExplain(databases, databases[0].log) as explaining, suppress(_EnoughRequestsError):
            context.request_corpus(job, secrets.token_hex(16), limit.add)
        job.out.unlink(missing_ok=True)
        plans = explaining.plans or list(_estimates(databases, work))
        return PlanSurvey(tuple(plans), tuple(_counted(databases)), limit.requests.total(), explaining.missing)


class _RequestLimit:
    """Counts requests by endpoint, and ends them once plans of enough requests were read."""

    def __init__(self, work: RequestWork) -> None:
        self.requests: Counter[str] = Counter()
        self._endpoints = {request.endpoint for request in work.requests}

    def add(self, report: Mapping[str, Any] | None) -> None:
        """Add one request by the generator's report of it; ``None`` before the first one."""
        if report is None:
            return
        self.requests[report["endpoint"]] += 1
        enough_each = all(self.requests[endpoint] >= EXPLAINED_EACH for endpoint in self._endpoints)
        if self.requests.total() >= (EXPLAINED if enough_each else EXPLAINED_MAX):
            raise _EnoughRequestsError


def _out(context: RunContext, arm: str) -> Path:
    """Where answers go that nobody compares; they are removed again."""
    return context.folder.path / "evidence" / "asked" / f"{arm}.jsonl"


def _catalogue(databases: Sequence[Database]) -> Catalogue:
    found = Catalogue()
    for database in databases:
        with database.connect() as connection:
            found += read_catalogue(connection, database.service)
    return found


def _counted(databases: Sequence[Database]) -> Iterator[Counted]:
    with suppress(psycopg.Error):
        for database in databases:
            with database.connect() as connection:
                for name, use in read_uses(connection).items():
                    yield Counted(name, use.scans, use.entries, database.service)


def _estimates(databases: Sequence[Database], work: RequestWork) -> Iterator[Explained]:
    """The estimated plans of the statements that took the most buffers."""
    buffers: Counter[int] = Counter()
    for request in work.requests:
        for done in request.work:
            buffers[done.statement] += int(done.counts.blocks)
    by_service = {database.service: database for database in databases}
    for number, _ in buffers.most_common(ESTIMATED_MAX):
        text = work.statements[number]
        if (database := by_service.get(text.service)) and (found := estimate(database, text.text)):
            yield found


def _drop(database: Database, index: Index) -> None:
    schema, _, name = index.name.rpartition(".")
    with database.connect() as connection:
        connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(schema or "public", name)))


@contextmanager
def _without_page_images(databases: Sequence[Database]) -> Iterator[None]:
    """Keep full-page images, which follow a checkpoint, out of the WAL: they would hide what an index adds."""
    if databases:
        _alter_system(databases[0], "ALTER SYSTEM SET full_page_writes = off")
    try:
        yield
    finally:
        if databases:
            _alter_system(databases[0], "ALTER SYSTEM RESET full_page_writes")


def _alter_system(database: Database, statement: str) -> None:
    with suppress(psycopg.Error), database.statistics() as connection:
        connection.execute(statement.encode())
        connection.execute("SELECT pg_reload_conf()")
