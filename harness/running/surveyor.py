"""Surveyor: reads indexes and plans of both arms while nothing is measured, and asks after without one index at a time.

An arm is asked once more for its plans, freshly reset and started: a server that writes down how it goes about every
statement takes longer for it, and what a request costs was read without that.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from harness.evidence.index import Catalogue, Index
from harness.evidence.inspected import Inspected
from harness.evidence.omission import omitted
from harness.evidence.plan_tree import Explained
from harness.evidence.survey import Ablation, Counted, Survey
from harness.leg import Leg
from harness.load import Job, ask
from harness.plan import ARMS, Plan
from harness.probes.access import Database
from harness.probes.explain import Explaining, estimate
from harness.probes.indexes import read_catalogue, read_uses
from harness.running.inspection import Inspection
from harness.running.interview import Ask, Listener, System
from harness.store import RunFolder
from harness.stores.survey import SurveyStore

EXPLAINED, EACH, MOST_EXPLAINED = 60, 3, 200
"""Requests whose plans are read: so many, and so many of each endpoint that the corpus asks, but not more than that."""
MOST_ESTIMATED = 60
"""Statements that are estimated where no plans can be read."""


class _Enough(Exception):  # noqa: N818 - no error
    """The asking has come as far as it need."""


class Surveyor:
    """What is read of both arms; ``base`` is where the plan's paths start.

    It does nothing where their databases are not known. What cannot be read is missing in the record, and ends nothing.
    """

    def __init__(self, plan: Plan, base: Path, folder: RunFolder, *, ask_arm: Ask = ask) -> None:
        self.plan, self.base, self.folder, self._ask_arm = plan, base, folder, ask_arm
        self.store = SurveyStore(folder)
        self._left, self._not_started = list(ARMS), list(ARMS)
        self._key = secrets.token_hex(16)

    def before(self, system: System, listener: Listener) -> None:
        """Read plans of the arms that were interviewed and not yet surveyed, where their server's log can be read."""
        if not self._left or not any(database.log for database in system.databases()):
            return
        inspected = self.folder.read_inspected()
        for arm in [arm for arm in self._left if arm in inspected]:
            self._left.remove(arm)
            listener.say(f"reading plans · {arm}")
            self.store.write_survey(arm, self._survey(arm, inspected[arm], system, listener))

    def started(self, leg: Leg, system: System) -> None:
        """Read the catalogue of an arm that was started for its first leg, and estimates of plans that are unknown."""
        if leg.arm not in self._not_started or not (databases := system.databases()):
            return
        self._not_started.remove(leg.arm)
        with suppress(psycopg.Error):
            self.store.write_catalogue(leg.arm, _catalogue(databases))
        inspected = self.folder.read_inspected().get(leg.arm)
        if inspected and leg.arm not in self.store.read_surveys():
            plans = tuple(_estimates(databases, inspected))
            self.store.write_survey(leg.arm, Survey(plans, missing="the log of the server cannot be read from here"))

    def ablate(self, system: System, listener: Listener) -> None:
        """Ask after without each index that the migration made, one at a time.

        Raises:
            EnvironmentFailedError: when the system under test does not come up or stay up.
            MeasurementError: when the generator breaks.
        """
        catalogues = self.store.read_catalogues()
        if any(arm not in catalogues for arm in ARMS) or "after" not in self.folder.read_inspected():
            listener.say("nothing is left out: the databases are not known, or the plan has no [answers]")
            return
        made = [index for index in catalogues["after"].made_since(catalogues["before"]) if index.parent is None]
        kept = [(index, index.needed) for index in made if index.needed]
        left = [index for index in made if index.valid and not index.needed]
        listener.say(f"leaving out indexes · with all {len(made)}")
        whole = self._work("after", None, system, listener)
        done = []
        for number, index in enumerate(left, start=1):
            listener.say(f"leaving out indexes · {number} of {len(left)} · without {index.name}")
            done.append(omitted(index, whole, self._work("after", index, system, listener)))
            reasons = tuple((index.name, why) for index, why in kept)
            self.store.write_ablation(Ablation(tuple(done), reasons, len(whole[0].requests)))

    def _survey(self, arm: str, inspected: Inspected, system: System, listener: Listener) -> Survey:
        with self._up(arm, system, listener) as (job, databases):
            with Explaining(databases, databases[0].log) as explaining:
                endpoints = {asked.endpoint for asked in inspected.requests}
                requests = self._ask_some(job, system, listener, endpoints)
            plans = explaining.plans or list(_estimates(databases, inspected))
            return Survey(tuple(plans), tuple(_counted(databases)), requests, explaining.missing)

    def _work(
        self, arm: str, index: Index | None, system: System, listener: Listener
    ) -> tuple[Inspected, list[Explained]]:
        """What the corpus makes the databases do, without an index, and how they go about it."""
        with self._up(arm, system, listener) as (job, databases), _without_page_images(databases):
            for database in databases if index else ():
                if index and database.service == index.service:
                    _drop(database, index)
            with Inspection(databases, system.caches()) as inspection:
                self._ask(job, system, listener, inspection.look)
            inspected = inspection.result(arm)
            return inspected, list(_estimates(databases, inspected))

    @contextmanager
    def _up(self, arm: str, system: System, listener: Listener) -> Iterator[tuple[Job, Sequence[Database]]]:
        """An arm that is freshly reset and started, and what asks it."""
        leg = Leg(0, 0, arm)
        startup = system.start(leg)
        job = Job(
            plan=self.plan,
            plan_path=self.folder.path / "plan.toml",
            base=self.base,
            host=startup.host,
            urls=startup.urls,
            out=self.folder.path / "evidence" / "asked" / f"{arm}.jsonl",
            log=self.folder.logs / f"{leg.title}.generator.log",
            label=system.label,
            seed=self.plan.load.seed,
        )
        try:
            yield job, system.databases()
        finally:
            for incident in system.stop():
                listener.say(f"{incident.service} {incident.what} while {arm} was asked")

    def _ask(
        self, job: Job, system: System, listener: Listener, look: Callable[[Mapping[str, Any] | None], None]
    ) -> None:
        def follow(requests: int, wanted: int) -> None:
            listener.asked(job.out.stem, requests, wanted)

        self._ask_arm(job, self._key, on_progress=follow, check=system.check, look=look)
        job.out.unlink(missing_ok=True)

    def _ask_some(self, job: Job, system: System, listener: Listener, endpoints: set[str]) -> int:
        """Ask until there are some requests of every endpoint; returns how many there are."""
        asked: Counter[str] = Counter()

        def look(told: Mapping[str, Any] | None) -> None:
            if told is None:
                return
            asked[told["endpoint"]] += 1
            whole = all(asked[endpoint] >= EACH for endpoint in endpoints)
            if asked.total() >= (EXPLAINED if whole else MOST_EXPLAINED):
                raise _Enough

        with suppress(_Enough):
            self._ask(job, system, listener, look)
        return asked.total()


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


def _estimates(databases: Sequence[Database], inspected: Inspected) -> Iterator[Explained]:
    """How the servers would go about the statements that looked at most pages."""
    pages: Counter[int] = Counter()
    for asked in inspected.requests:
        for work in asked.work:
            pages[work.statement] += int(work.counts.blocks)
    by_service = {database.service: database for database in databases}
    for number, _ in pages.most_common(MOST_ESTIMATED):
        text = inspected.statements[number]
        if (database := by_service.get(text.service)) and (found := estimate(database, text.text)):
            yield found


def _drop(database: Database, index: Index) -> None:
    schema, _, name = index.name.rpartition(".")
    with database.connect() as connection:
        connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(schema or "public", name)))


@contextmanager
def _without_page_images(databases: Sequence[Database]) -> Iterator[None]:
    """Leave out of the WAL the images of whole pages that follow a checkpoint: they would hide what an index adds."""
    if databases:
        _system(databases[0], "ALTER SYSTEM SET full_page_writes = off")
    try:
        yield
    finally:
        if databases:
            _system(databases[0], "ALTER SYSTEM RESET full_page_writes")


def _system(database: Database, statement: str) -> None:
    with suppress(psycopg.Error), database.statistics() as connection:
        connection.execute(statement.encode())
        connection.execute("SELECT pg_reload_conf()")
