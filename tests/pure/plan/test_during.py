"""What a plan may say of a migration under load, and the load that flows meanwhile."""

import pytest

from harness.errors import PlanError
from harness.plan.checks.migration import stage_of, under_load
from harness.plan.file import parse_plan
from harness.plan.migration import MigrationTable
from harness.run.migration_thread import MigrationCommands
from tests.doubles import PLAN

MIGRATED = (
    PLAN.replace('kind = "local"', 'kind = "local"\nprovides = ["postgres"]\nmigrate = "migrate {revision}"')
    .replace("[arms.before]", '[arms.before]\nrevision = "1"')
    .replace("[arms.after]", '[arms.after]\nrevision = "2"')
)
DURING = MIGRATED + "\n[migration]\nduring = true\n"
TARGET = '\n[[targets]]\nexpect = "{}"\n'


def test_a_plan_without_the_table_is_as_before() -> None:
    assert parse_plan(PLAN).migration is None


def test_defaults() -> None:
    plan = parse_plan(DURING)
    assert plan.migration == MigrationTable(during=True)
    stage = stage_of(plan)
    assert stage
    assert stage.title == "sustain"
    assert MigrationCommands.of(plan) == MigrationCommands(("migrate {revision}", "2"), ("migrate {revision}", "1"))


def test_the_way_back_may_be_another_command_and_revision() -> None:
    plan = parse_plan(DURING + 'down = "0"\ndowngrade = "back {revision}"\nstage = "ramp"\n')
    assert MigrationCommands.of(plan).down == ("back {revision}", "0")
    assert stage_of(plan) == plan.stages[0]


@pytest.mark.parametrize(
    ("plan", "where", "what"),
    [
        (DURING + "hold_second = 2", "migration.hold_second", 'did you mean "hold_seconds"?'),
        (DURING + 'stage = "peak"', "migration.stage", 'no stage "peak"; known are ramp, sustain'),
        (DURING + "at = 1", "migration.at", "say 4 or more"),
        (DURING + "hold_seconds = -1", "migration.hold_seconds", "greater than or equal to 0"),
        (DURING + 'hold_seconds = 0\nhold_tables = ["a"]', "migration", "leaves out; remove one"),
        (DURING.replace("during = true", "at = 9"), "migration", "add during = true, or remove it"),
        (DURING + 'downgrade = "back {to}"', "migration.downgrade", 'unknown placeholder "{to}"'),
        (DURING + 'downgrade = "back \'"', "migration.downgrade", "fix its quotes"),
        (DURING.replace('revision = "1"', ""), "migration.down", "say which one to roll back to"),
        (PLAN + "\n[migration]\nduring = true\n", "migration.during", "needs environment.migrate, the command"),
        (DURING.replace('kind = "sustain"', 'kind = "peak"\nname = "sustain"'), "migration.stage", "no sustain stage"),
        (
            MIGRATED + TARGET.format("migration_stall_ms < 500 ms"),
            "targets[1].expect",
            "during = true, or leave",
        ),
        (
            DURING + TARGET.format("migration_stall_ms falls by 5 %"),
            "targets[1].expect",
            'give it a limit, as in "migration_stall_ms < 500 ms"',
        ),
        (DURING + TARGET.format("rollback_failures < 1") + 'stage = "sustain"', "targets[1].stage", "leave stage out"),
    ],
)
def test_what_is_wrong_is_named_with_its_fix(plan: str, where: str, what: str) -> None:
    with pytest.raises(PlanError) as caught:
        parse_plan(plan)
    assert where in str(caught.value)
    assert what in str(caught.value)


def test_an_environment_that_runs_already_is_refused() -> None:
    external = PLAN.replace('kind = "local"\nserve = "serve --port {port}"', 'kind = "external"')
    for arm in ("before", "after"):
        external = external.replace(f"[arms.{arm}]", f'[arms.{arm}]\nurl = "http://{arm}.example"')
    with pytest.raises(PlanError, match='needs an environment of kind "local", this one is of kind "external"'):
        parse_plan(external + "\n[migration]\nduring = true\n")


def test_the_load_is_one_stage_that_is_longer_than_both_commands_may_take() -> None:
    plan = under_load(parse_plan(DURING + TARGET.format("migration_failures < 1")))
    (stage,) = plan.stages
    assert (stage.title, stage.users, stage.ramp_seconds) == ("sustain", 10, 2.0)
    assert stage.seconds > 2 * plan.environment.command_seconds
    assert (plan.load.processes, plan.faults, plan.aborts, plan.answers) == (1, (), (), None)


def test_without_the_table_there_is_no_such_load() -> None:
    with pytest.raises(ValueError, match="tries no migration under load"):
        under_load(parse_plan(PLAN))
