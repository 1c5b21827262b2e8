"""Targets of the migration under load; without one they never pass."""

from dataclasses import replace

import pytest

from harness.analysis.comparison import compare
from harness.analysis.summary import summarise
from harness.evidence.evidence import Evidence
from harness.evidence.migration import MigrationUnderLoad, RequestLoss
from harness.plan.file import parse_plan
from harness.record.migration import UPGRADE, MigrationRecord, MigrationStep, SchemaDifference
from harness.record.outcome import Outcome
from harness.verdict.judge import Measurement, Verdict, judge
from harness.verdict.targets import Check, Reason
from tests.doubles import synthetic_setup, synthetic_trials
from tests.pure.plan.test_during import DURING

BASE = (
    DURING.replace('expect = "p95 falls by 50 %"\nstage = "sustain"', 'expect = "{}"')
    .replace("{port}", "{{port}}")
    .replace("{revision}", "{{revision}}")
)
LOSS = RequestLoss(UPGRADE, None, 6.0, 7.0, requests=100, stall_ms=410.0, waited=3, blocked_ms=900.0, failures=1)
RECORD = MigrationRecord("sustain", 0.0, (MigrationStep(UPGRADE, None, "2", 6.0, 7.0),))


def verdict_of(target: str, rehearsal: MigrationUnderLoad | None) -> Verdict:
    plan = parse_plan(BASE.format(target))
    summary = summarise(synthetic_trials(plan))
    return judge(
        Measurement(plan, synthetic_setup(plan), summary, compare(summary), evidence=Evidence(migration=rehearsal))
    )


def check_of(target: str, rehearsal: MigrationUnderLoad | None) -> Check:
    (check,) = verdict_of(target, rehearsal).checks
    return check


@pytest.mark.parametrize(
    ("target", "outcome"),
    [
        ("migration_stall_ms < 500 ms", Outcome.PASS),
        ("migration_stall_ms < 400 ms", Outcome.FAIL),
        ("migration_stall_ms < 0.5 s", Outcome.PASS),
        ("migration_blocked_ms < 500 ms", Outcome.FAIL),
        ("migration_failures < 2", Outcome.PASS),
        ("migration_failures < 1", Outcome.FAIL),
        ("migration_failures <= 1", Outcome.PASS),
        ("migration_failures <= 0", Outcome.FAIL),
        ("rollback_stall_ms < 10 s", Outcome.INCONCLUSIVE),
    ],
)
def test_a_target_is_judged_by_its_single_measurement(target: str, outcome: Outcome) -> None:
    check = check_of(target, MigrationUnderLoad(RECORD, (LOSS,)))
    assert check.outcome is outcome
    assert check.reason in {Reason.SINGLE_WITHIN, Reason.SINGLE_OUTSIDE, Reason.MIGRATION_FAILED}


@pytest.mark.parametrize(
    ("targets", "failures", "outcome"),
    [
        (["migration_stall_ms < 500 ms"], 1, Outcome.PASS),
        (["migration_stall_ms < 500 ms"], 2, Outcome.INCONCLUSIVE),
        (["migration_blocked_ms < 9 s"], 100, Outcome.INCONCLUSIVE),
        (["migration_stall_ms < 400 ms"], 100, Outcome.FAIL),
        (["migration_stall_ms < 500 ms", "migration_failures <= 100"], 100, Outcome.PASS),
        (["migration_stall_ms < 500 ms", "rollback_failures <= 100"], 100, Outcome.INCONCLUSIVE),
        (
            ["migration_stall_ms < 500 ms", 'migration_failures <= 100"\nseverity = "advisory'],
            100,
            Outcome.INCONCLUSIVE,
        ),
        (["migration_failures <= 100"], 100, Outcome.PASS),
    ],
)
def test_fast_errors_hide_no_stall(targets: list[str], failures: int, outcome: Outcome) -> None:
    rehearsal = MigrationUnderLoad(RECORD, (replace(LOSS, failures=failures),))
    check = verdict_of('"\n[[targets]]\nexpect = "'.join(targets), rehearsal).checks[0]
    assert check.outcome is outcome
    assert (check.reason is Reason.FAILED_DURING_MIGRATION) == (outcome is Outcome.INCONCLUSIVE)


def test_without_a_migration_under_load_a_target_never_passes() -> None:
    check = check_of("migration_failures <= 10", None)
    assert (check.outcome, check.reason) == (Outcome.INCONCLUSIVE, Reason.MIGRATION_NOT_RUN)


@pytest.mark.parametrize(
    "rehearsal",
    [
        MigrationUnderLoad(replace(RECORD, failed="the server went away"), (LOSS,)),
        MigrationUnderLoad(replace(RECORD, steps=(replace(RECORD.steps[0], failed="failed (status 1)"),)), (LOSS,)),
        MigrationUnderLoad(RECORD, (replace(LOSS, stall_ms=None),)),
        MigrationUnderLoad(RECORD),
    ],
)
def test_a_failed_migration_never_passes(rehearsal: MigrationUnderLoad) -> None:
    check = check_of("migration_failures <= 10", rehearsal)
    assert (check.outcome, check.reason) == (Outcome.INCONCLUSIVE, Reason.MIGRATION_FAILED)


def test_an_incomplete_rollback_is_a_caveat_that_names_the_difference() -> None:
    down = replace(RECORD.steps[0], way="downgrade")
    record = replace(RECORD, steps=(*RECORD.steps, down), differences=(SchemaDifference("index x", None, "x"),))
    rehearsal = MigrationUnderLoad(record, (LOSS, replace(LOSS, way="downgrade")))
    found = {caveat.code: caveat.seen for caveat in verdict_of("migration_failures < 9", rehearsal).caveats}
    assert "the schema differs in index x" in found["ROLLED_BACK_OTHERWISE"]


def test_a_failed_migration_is_a_caveat_with_its_reason() -> None:
    rehearsal = MigrationUnderLoad(replace(RECORD, failed="the server went away"))
    found = {caveat.code: caveat.seen for caveat in verdict_of("migration_failures < 9", rehearsal).caveats}
    assert "the server went away" in found["MIGRATION_NOT_DONE"]
