"""Rehearsing: the migration under load, as one leg more after the blocks: up while requests flow, and down again.

Whatever goes wrong in it is written down and ends it; what the blocks measured stays as it is.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import psycopg

from harness.environment.processes import Process, describe
from harness.errors import HarnessError
from harness.evidence.passage import DOWNGRADE, UPGRADE, Difference, Record
from harness.evidence.schema import differences, schema_of
from harness.leg import Leg
from harness.load import Job, Progress
from harness.objections.during import stage_of, under_load
from harness.parts.system import Local
from harness.plan import Plan
from harness.probes.access import Database
from harness.running.director import NAMES, Director
from harness.running.interview import Interview, Listener
from harness.running.interview import System as Inquired
from harness.running.lint import lint
from harness.store import ROLLED_BACK, RunFolder
from harness.trial import Startup

LEG = Leg(0, 0, "before")
FINISHED = "finished"


class System(Inquired, Protocol):
    """What is asked of the system under test."""

    def migrating(self, database: Database, command: str, revision: str, name: str) -> Process:
        """Start to bring a database to a revision."""

    def statement_log(self) -> Path:
        """Where the statements of the migration are."""


@dataclass(frozen=True, slots=True)
class Commands:
    """The commands of the way up and of the way down, each with the revision that it leads to."""

    up: tuple[str, str]
    down: tuple[str, str]

    @classmethod
    def of(cls, plan: Plan) -> "Commands":
        """Those of a plan that tries its migration under load."""
        during, migrate = plan.migration, plan.system(Local).migrate or ""
        before, after = plan.arms["before"].revision or "", plan.arms["after"].revision or ""
        back = (during.down if during else None) or before
        return cls((migrate, after), ((during.downgrade if during else None) or migrate, back))


@dataclass(frozen=True, slots=True)
class Rehearsing:
    """The leg in which the migration runs under load; ``base`` is where the plan's paths start."""

    plan: Plan
    base: Path
    folder: RunFolder
    environment: System
    observer: Listener
    make_load: Callable[..., None]
    interview: Interview | None = None

    def rehearse(self) -> None:
        """Do it, where the plan asks for it, and write down what came of it.

        Raises:
            KeyboardInterrupt: when it is interrupted; what ran is ended.
        """
        during, stage = self.plan.migration, stage_of(self.plan)
        if during is None or not during.during or stage is None:
            return
        record = Record(stage.title)
        try:
            for grown in self._steps(record):
                record = grown
        except (HarnessError, psycopg.Error, OSError) as error:
            record = replace(record, failed=record.failed or str(error).strip().splitlines()[0])
        finally:
            with suppress(HarnessError):
                self.environment.stop()
        if record.failed:
            self.observer.say(f"migration under load: {record.failed}")
        self.folder.write_rehearsal(record)

    def _steps(self, record: Record) -> Iterator[Record]:
        """The record, as it grows."""
        self.observer.say("migration under load · starting the service of before")
        startup = self.environment.start(LEG)
        databases = list(self.environment.databases())
        before = [_schema(database) for database in databases]
        director = self._director()
        try:
            with director:
                self._load(startup, director)
        except (HarnessError, psycopg.Error, OSError) as error:
            director.failed = director.failed or str(error).strip().splitlines()[0]
        passages = tuple(director.passages)
        lints, linted = lint(passages)
        record = replace(record, passages=passages, failed=director.failed, lints=lints, linted=linted)
        yield record
        record = replace(record, origin=self.folder.origin_of_rehearsal())
        yield record
        rolled_back = len(passages) == 2 * len(databases) and not record.failed
        if rolled_back or any(passage.failed for passage in passages):
            record = replace(record, differences=tuple(_differences(databases, before)))
            yield record
        self.environment.stop()
        if rolled_back and self.interview is not None and self.plan.answers:
            self.interview.after_change(self._there_and_back, ROLLED_BACK, self.environment, self.observer)
            yield replace(record, answers=True)

    def _director(self) -> Director:
        during = self.plan.migration
        assert during  # noqa: S101 - else nothing is rehearsed
        self.folder.rehearsal.mkdir(parents=True, exist_ok=True)
        return Director(
            during,
            Commands.of(self.plan),
            self.environment,
            self.plan.environment.command_seconds,
            self.folder.rehearsal / FINISHED,
            self.observer.say,
        )

    def _load(self, startup: Startup, director: Director) -> None:
        def follow(progress: Progress) -> None:
            director.keep_time(progress.second)

        job = self._job(under_load(self.plan), startup, self.folder.rehearsal)
        self.make_load(job, on_progress=follow, check=self.environment.check)

    def _job(self, plan: Plan, startup: Startup, out: Path) -> Job:
        return Job(
            plan=plan,
            plan_path=self.folder.path / "plan.toml",
            base=self.base,
            host=startup.host,
            urls=startup.urls,
            out=out,
            log=self.folder.logs / "migration-under-load.generator.log",
            label=self.environment.label,
            seed=self.plan.load.seed,
            last=True,
            arm=LEG.arm,
            until=out / FINISHED,
        )

    def _there_and_back(self) -> None:
        commands, databases = Commands.of(self.plan), list(self.environment.databases())
        for way, (command, revision), order in (
            (UPGRADE, commands.up, databases),
            (DOWNGRADE, commands.down, databases[::-1]),
        ):
            for database in order:
                name = NAMES[way].replace("under load", "at rest").replace(" ", "-")
                self._run(database, command, revision, name)

    def _run(self, database: Database, command: str, revision: str, name: str) -> None:
        process = self.environment.migrating(database, command, revision, name)
        status = process.popen.wait(self.plan.environment.command_seconds)
        if status:
            raise HarnessError(f"the {name} failed ({describe(status)})")


def _differences(databases: Sequence[Database], before: Sequence[dict[str, str]]) -> Iterator[Difference]:
    for database, one in zip(databases, before, strict=True):
        prefix = f"{database.service}: " if database.service else ""
        yield from (replace(found, what=prefix + found.what) for found in differences(one, _schema(database)))


def _schema(database: Database) -> dict[str, str]:
    with database.connect() as connection:

        def fetch(query: str) -> list[tuple[Any, ...]]:
            return connection.execute(query.encode()).fetchall()

        return schema_of(fetch)
