"""Catalogue, query plans and ablation: what is read of both arms' databases outside the blocks.

Query plans need a start of their own: auto_explain slows statements down; cost per request is measured without it.
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
from harness.probes.query_plans import AutoExplain, estimate_plan
from harness.record.ablation import Ablation
from harness.record.catalogue import Catalogue, CatalogueStore, Index, IndexCounts, RecordedPlans
from harness.record.leg import Leg
from harness.record.query_plans import ExplainedStatement
from harness.record.request_work import RequestWork
from harness.run.context import RunContext
from harness.run.request_work import RequestWorkReader

EXPLAINED, EXPLAINED_EACH, EXPLAINED_MAX = 60, 3, 200
"""Requests whose plans are read: in total, per endpoint, and the limit in total."""
ESTIMATED_MAX = 60
"""Statements whose plans are estimated if none can be read."""


class _EnoughRequestsError(Exception):
    """Raised to end the requests: enough plans were read."""


class CatalogueReader:
    """Reads catalogue and query plans of both arms, if their databases are known; what fails is left out."""

    def __init__(self, context: RunContext) -> None:
        self.context, self.store = context, CatalogueStore(context.folder)
        self._plans_due, self._catalogues_due = list(ARMS), list(ARMS)

    def read_plans(self) -> None:
        """Read the query plans of arms whose cost per request is known; raises as ``experiment.measure``."""
        if not self._plans_due or not any(database.log for database in self.context.environment.databases()):
            return
        work = self.context.folder.read_request_work()
        for arm in [arm for arm in self._plans_due if arm in work]:
            self._plans_due.remove(arm)
            self.context.observer.say(f"reading query plans: {arm}")
            self.store.write_plans(arm, _read_plans(self.context, work[arm]))

    def read_catalogue(self, leg: Leg) -> None:
        """Read the catalogue in the first leg of an arm, and estimate plans that could not be read."""
        if leg.arm not in self._catalogues_due or not (databases := self.context.environment.databases()):
            return
        self._catalogues_due.remove(leg.arm)
        with suppress(psycopg.Error):
            self.store.write_catalogue(leg.arm, _read_catalogue(databases))
        work = self.context.folder.read_request_work().get(leg.arm)
        if work and leg.arm not in self.store.read_plans():
            plans = tuple(_estimates(databases, work))
            self.store.write_plans(leg.arm, RecordedPlans(plans, missing="the server's log is not readable here"))


def ablate_indexes(context: RunContext) -> None:
    """Re-test after with each new index dropped in turn; raises as ``experiment.measure``."""
    store, observer = CatalogueStore(context.folder), context.observer
    catalogues = store.read_catalogues()
    if any(arm not in catalogues for arm in ARMS) or "after" not in context.folder.read_request_work():
        observer.say("no ablation: the databases are not known, or the plan has no [answers]")
        return
    made = [index for index in catalogues["after"].created_since(catalogues["before"]) if index.parent is None]
    kept = tuple((index.name, index.needed) for index in made if index.needed)
    dropped = [index for index in made if index.valid and not index.needed]
    observer.say(f"ablation: with all {len(made)} new indexes")
    complete = _work(context, None)
    done = []
    for number, index in enumerate(dropped, start=1):
        observer.say(f"ablation {number} of {len(dropped)}: without {index.name}")
        done.append(ablation_of(index, complete, _work(context, index)))
        store.write_ablation(Ablation(tuple(done), kept, len(complete[0].requests)))


def _work(context: RunContext, index: Index | None) -> tuple[RequestWork, list[ExplainedStatement]]:
    """The database cost of the corpus on after without an index, and the estimated plans."""
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


def _read_plans(context: RunContext, work: RequestWork) -> RecordedPlans:
    """The query plans of some requests of the corpus."""
    with context.started(work.arm, _out(context, work.arm)) as job:
        databases, limit = context.environment.databases(), _RequestLimit(work)
        with AutoExplain(databases, databases[0].log) as explaining, suppress(_EnoughRequestsError):
            context.request_corpus(job, secrets.token_hex(16), limit.add)
        job.out.unlink(missing_ok=True)
        plans = explaining.plans or list(_estimates(databases, work))
        return RecordedPlans(tuple(plans), tuple(_counted(databases)), limit.requests.total(), explaining.missing)


class _RequestLimit:
    """Counts requests by endpoint; ``add`` raises ``_EnoughRequestsError`` after enough of them."""

    def __init__(self, work: RequestWork) -> None:
        self.requests: Counter[str] = Counter()
        self._endpoints = {request.endpoint for request in work.requests}

    def add(self, report: Mapping[str, Any] | None) -> None:
        """Count one request of the generator's report; ``None`` before the first one."""
        if report is None:
            return
        self.requests[report["endpoint"]] += 1
        enough_each = all(self.requests[endpoint] >= EXPLAINED_EACH for endpoint in self._endpoints)
        if self.requests.total() >= (EXPLAINED if enough_each else EXPLAINED_MAX):
            raise _EnoughRequestsError


def _out(context: RunContext, arm: str) -> Path:
    """The file of responses that are not compared; it is removed again."""
    return context.folder.path / "evidence" / "asked" / f"{arm}.jsonl"


def _read_catalogue(databases: Sequence[Database]) -> Catalogue:
    found = Catalogue()
    for database in databases:
        with database.connect() as connection:
            found += read_catalogue(connection, database.service)
    return found


def _counted(databases: Sequence[Database]) -> Iterator[IndexCounts]:
    with suppress(psycopg.Error):
        for database in databases:
            with database.connect() as connection:
                for name, use in read_uses(connection).items():
                    yield IndexCounts(name, use.scans, use.entries, database.service)


def _estimates(databases: Sequence[Database], work: RequestWork) -> Iterator[ExplainedStatement]:
    """Estimated plans of the statements with the most buffers."""
    buffers: Counter[int] = Counter()
    for request in work.requests:
        for done in request.work:
            buffers[done.statement] += int(done.counts.blocks)
    by_service = {database.service: database for database in databases}
    for number, _ in buffers.most_common(ESTIMATED_MAX):
        text = work.statements[number]
        if (database := by_service.get(text.service)) and (found := estimate_plan(database, text.text)):
            yield found


def _drop(database: Database, index: Index) -> None:
    schema, _, name = index.name.rpartition(".")
    with database.connect() as connection:
        connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(schema or "public", name)))


@contextmanager
def _without_page_images(databases: Sequence[Database]) -> Iterator[None]:
    """Turn full_page_writes off: full-page images after a checkpoint would hide the WAL of an index."""
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
