"""Migration under load: after the blocks, one leg in which the migration and its rollback run while requests flow.

Any failure in it is recorded and ends it; what the blocks measured stays as it is.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import psycopg

from harness.environment.processes import describe
from harness.errors import HarnessError
from harness.plan.checks.migration import stage_of, under_load
from harness.plan.migration import MigrationTable
from harness.probes.access import Database
from harness.record.leg import Leg
from harness.record.migration import MigrationRecord, SchemaDifference
from harness.record.run_folder import ROLLED_BACK
from harness.record.schema import differences, schema_of
from harness.record.trial import Startup
from harness.run.answers import ResponseComparison
from harness.run.context import RunContext
from harness.run.generator_process import Progress
from harness.run.lint import lint
from harness.run.migration_thread import TITLES, MigrationCommands, MigrationThread

LEG = Leg(0, 0, "before")
FINISHED = "finished"


def migrate_under_load(context: RunContext, answers: ResponseComparison) -> None:
    """Migrate and roll back under load where the plan has a migration under load, and record it.

    Raises:
        KeyboardInterrupt: when it is interrupted; what ran is ended.
    """
    during, stage = context.plan.migration, stage_of(context.plan)
    if during is None or not during.during or stage is None:
        return
    record = MigrationRecord(stage.title)
    try:
        for grown in _records(context, during, answers, record):
            record = grown
    except (HarnessError, psycopg.Error, OSError) as error:
        record = replace(record, failed=record.failed or str(error).strip().splitlines()[0])
    finally:
        with suppress(HarnessError):
            context.environment.stop()
    if record.failed:
        context.observer.say(f"migration under load: {record.failed}")
    context.folder.write_migration_record(record)


def _records(
    context: RunContext, during: MigrationTable, answers: ResponseComparison, record: MigrationRecord
) -> Iterator[MigrationRecord]:
    """The record after each step."""
    environment, folder = context.environment, context.folder
    context.observer.say("migration under load · starting the service of before")
    startup = environment.start(LEG)
    databases = list(environment.databases())
    before = [_schema(database) for database in databases]
    folder.rehearsal.mkdir(parents=True, exist_ok=True)
    thread = MigrationThread(context, during, folder.rehearsal / FINISHED)
    try:
        with thread:
            _load(context, startup, thread)
    except (HarnessError, psycopg.Error, OSError) as error:
        thread.failed = thread.failed or str(error).strip().splitlines()[0]
    passages = tuple(thread.passages)
    lints, linted = lint(passages)
    record = replace(record, passages=passages, failed=thread.failed, lints=lints, linted=linted)
    yield record
    record = replace(record, origin=folder.migration_origin())
    yield record
    rolled_back = len(passages) == 2 * len(databases) and not record.failed
    if rolled_back or any(passage.failed for passage in passages):
        record = replace(record, differences=tuple(_differences(databases, before)))
        yield record
    environment.stop()
    if rolled_back and context.plan.answers:
        answers.after_change(lambda: _migrate_and_roll_back(context), ROLLED_BACK)
        yield replace(record, answers=True)


def _load(context: RunContext, startup: Startup, thread: MigrationThread) -> None:
    """Make the load of one stage until the migration thread has ended."""

    def follow(progress: Progress) -> None:
        thread.keep_time(progress.second)

    job = replace(
        context.job(LEG, startup, context.folder.rehearsal),
        plan=under_load(context.plan),
        log=context.folder.logs / "migration-under-load.generator.log",
        last=True,
        until=thread.finished,
    )
    context.make_load(job, on_progress=follow, check=context.environment.check)


def _migrate_and_roll_back(context: RunContext) -> None:
    """The same commands without load."""
    environment = context.environment
    for way, database, command, revision in MigrationCommands.of(context.plan).steps(list(environment.databases())):
        name = TITLES[way].replace("under load", "at rest").replace(" ", "-")
        process = environment.start_migration(database, command, revision, name)
        status = process.popen.wait(context.plan.environment.command_seconds)
        if status:
            raise HarnessError(f"the {name} failed ({describe(status)})")


def _differences(databases: Sequence[Database], before: Sequence[dict[str, str]]) -> Iterator[SchemaDifference]:
    for database, one in zip(databases, before, strict=True):
        prefix = f"{database.service}: " if database.service else ""
        yield from (replace(found, what=prefix + found.what) for found in differences(one, _schema(database)))


def _schema(database: Database) -> dict[str, str]:
    with database.connect() as connection:

        def fetch(query: str) -> list[tuple[Any, ...]]:
            return connection.execute(query.encode()).fetchall()

        return schema_of(fetch)
