"""Migration under load: one leg after the blocks, in which the migration and its rollback run under load.

A failure is recorded and ends the leg; the blocks are not affected.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import psycopg

from harness.environment.processes import describe_status
from harness.errors import HarnessError, first_line
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
from harness.run.lint import lint
from harness.run.migration_thread import TITLES, MigrationCommands, MigrationThread

LEG = Leg(0, 0, "before")
FINISHED = "finished"


def migrate_under_load(context: RunContext, answers: ResponseComparison) -> None:
    """Migrate and roll back under load if the plan has ``[migration] during = true``, and record it."""
    table, stage = context.plan.migration, stage_of(context.plan)
    if table is None or not table.during or stage is None:
        return
    record = MigrationRecord(stage.title)
    try:
        for longer in _records(context, table, answers, record):
            record = longer
    except (HarnessError, psycopg.Error, OSError) as error:
        record = replace(record, failed=record.failed or first_line(error))
    finally:
        with suppress(HarnessError):
            context.environment.stop()
    if record.failed:
        context.observer.say(f"migration under load: {record.failed}")
    context.folder.write_migration_record(record)


def _records(
    context: RunContext, table: MigrationTable, answers: ResponseComparison, record: MigrationRecord
) -> Iterator[MigrationRecord]:
    """The record after each step."""
    environment, folder = context.environment, context.folder
    context.observer.say("migration under load: starting before")
    startup = environment.start(LEG)
    databases = list(environment.databases())
    before = [_schema(database) for database in databases]
    folder.rehearsal.mkdir(parents=True, exist_ok=True)
    thread = MigrationThread(context, table, folder.rehearsal / FINISHED)
    try:
        with thread:
            _load(context, startup, thread)
    except (HarnessError, psycopg.Error, OSError) as error:
        thread.failed = thread.failed or first_line(error)
    steps = tuple(thread.steps)
    lints, linted = lint(steps)
    record = replace(record, steps=steps, failed=thread.failed, lints=lints, linted=linted)
    yield record
    record = replace(record, origin=folder.migration_origin())
    yield record
    rolled_back = len(steps) == 2 * len(databases) and not record.failed
    if rolled_back or any(step.failed for step in steps):
        record = replace(record, differences=tuple(_differences(databases, before)))
        yield record
    environment.stop()
    if rolled_back and context.plan.answers:
        answers.after_change(lambda: _migrate_and_roll_back(context), ROLLED_BACK)
        yield replace(record, answers=True)


def _load(context: RunContext, startup: Startup, thread: MigrationThread) -> None:
    """Generate the load of one stage until the migration thread has ended."""
    job = replace(
        context.job(LEG, startup, context.folder.rehearsal),
        plan=under_load(context.plan),
        log=context.folder.logs / "migration-under-load.generator.log",
        last=True,
        until=thread.finished,
    )
    context.make_load(job, on_progress=lambda now: thread.keep_time(now.second), check=context.environment.check)


def _migrate_and_roll_back(context: RunContext) -> None:
    """Run the migration and its rollback without load."""
    environment = context.environment
    for way, database, command, revision in MigrationCommands.of(context.plan).steps(list(environment.databases())):
        name = TITLES[way].replace("under load", "at rest").replace(" ", "-")
        process = environment.start_migration(database, command, revision, name)
        status = process.popen.wait(context.plan.environment.command_seconds)
        if status:
            raise HarnessError(f"the {name} failed ({describe_status(status)})")


def _differences(databases: Sequence[Database], before: Sequence[dict[str, str]]) -> Iterator[SchemaDifference]:
    for database, one in zip(databases, before, strict=True):
        prefix = f"{database.service}: " if database.service else ""
        yield from (replace(found, what=prefix + found.what) for found in differences(one, _schema(database)))


def _schema(database: Database) -> dict[str, str]:
    with database.connect() as connection:

        def fetch(query: str) -> list[tuple[Any, ...]]:
            return connection.execute(query.encode()).fetchall()

        return schema_of(fetch)
