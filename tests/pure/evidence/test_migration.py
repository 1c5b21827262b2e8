"""Losses of requests during a migration, from synthetic requests."""

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.answers import EndpointAnswers, ResponseAgreement
from harness.evidence.migration import MigrationUnderLoad, migration_under_load
from harness.record.migration import (
    DOWNGRADE,
    UPGRADE,
    LockWait,
    MigrationRecord,
    MigrationStatement,
    MigrationStep,
    SchemaDifference,
)
from harness.record.samples import SCHEMA

ORIGIN = 1_000.0
LOCK = "LOCK TABLE items"


def samples(rows: list[tuple[float, float, str, str | None]]) -> pa.Table:
    """Samples from rows of due time (s), latency (ms), endpoint and error."""
    due = np.array([round(row[0] * 1e9) for row in rows], dtype=np.int64)
    columns: dict[str, Any] = {
        "due_ns": due,
        "sent_ns": due,
        "duration_ns": np.array([round(row[1] * 1e6) for row in rows], dtype=np.int64),
        "endpoint": [row[2] for row in rows],
        "status": [200] * len(rows),
        "size_bytes": [1] * len(rows),
        "error": [row[3] for row in rows],
        "cache": [None] * len(rows),
        "queries": [None] * len(rows),
        "db_ms": [None] * len(rows),
    }
    return pa.table([pa.array(columns[field.name]).cast(field.type) for field in SCHEMA], schema=SCHEMA)


def quiet(ms: float = 10.0, endpoint: str = "GET /a") -> list[tuple[float, float, str, str | None]]:
    return [(3.1 + n * 0.05, ms, endpoint, None) for n in range(50)]


def step(begun: float = 6.0, ended: float = 7.0, way: str = UPGRADE, waits: tuple[LockWait, ...] = ()) -> MigrationStep:
    statement = MigrationStatement(ORIGIN + begun, (ended - begun) * 1000, LOCK)
    program = ORIGIN + begun - 0.2
    return MigrationStep(way, None, "head", program, ORIGIN + ended, statements=(statement,), waits=waits)


def record(*steps: MigrationStep) -> MigrationRecord:
    return MigrationRecord("sustain", ORIGIN, steps, differences=())


def test_the_longest_stall_is_what_a_request_took_beyond_the_usual() -> None:
    wait = LockWait(1, ORIGIN + 6.1, ORIGIN + 6.6, "AccessShareLock", "items", "SELECT", own=False, head=LOCK)
    rows = [*quiet(), (6.1, 510.0, "GET /a", None), (6.3, 310.0, "GET /a", None), (6.9, 12.0, "GET /a", None)]
    (loss,) = migration_under_load(record(step(waits=(wait,))), samples(rows)).losses
    assert loss.stall_ms == pytest.approx(500.0)
    assert (loss.requests, loss.waited, loss.failures, loss.blocked_by) == (3, 2, 0, LOCK)
    assert loss.blocked_ms == pytest.approx(800.0)
    assert loss.lock_ms == pytest.approx(500.0)
    assert loss.usual_ms == pytest.approx(10.0)


def test_each_endpoint_has_its_own_usual_latency() -> None:
    rows = [*quiet(), *quiet(400.0, "GET /slow"), (6.2, 410.0, "GET /slow", None), (6.2, 60.0, "GET /a", None)]
    (loss,) = migration_under_load(record(step()), samples(rows)).losses
    assert loss.stall_ms == pytest.approx(50.0)
    assert loss.endpoint == "GET /a"


def test_failed_requests_count_for_the_stall() -> None:
    rows = [*quiet(), (6.2, 5010.0, "GET /a", "timeout")]
    (loss,) = migration_under_load(record(step()), samples(rows)).losses
    assert loss.stall_ms == pytest.approx(5000.0)
    assert (loss.failures, loss.errors) == (1, (("timeout", 1),))


def test_the_start_of_the_program_is_no_part_of_it() -> None:
    rows = [*quiet(), (5.85, 100.0, "GET /a", None), (6.2, 11.0, "GET /a", None)]
    (loss,) = migration_under_load(record(step()), samples(rows)).losses
    assert loss.requests == 1


def test_a_request_that_waited_for_no_lock_blames_no_statement() -> None:
    other = LockWait(1, ORIGIN + 6.1, ORIGIN + 6.6, "ShareLock", "", "UPDATE", own=False, head="")
    rows = [*quiet(), (6.1, 510.0, "GET /a", None)]
    (loss,) = migration_under_load(record(step(waits=(other,))), samples(rows)).losses
    assert (loss.blocked_by, loss.lock_ms) == ("", 0.0)


def test_without_requests_there_is_no_value() -> None:
    done = migration_under_load(record(step()), samples(quiet()))
    assert done.losses[0].stall_ms is None
    assert done.value("migration_stall_ms") is None
    assert (
        migration_under_load(replace(record(step()), origin=None), samples(quiet())).value("migration_failures") is None
    )


def test_values_of_migration_and_rollback() -> None:
    rows = [*quiet(), (6.2, 110.0, "GET /a", None), *[(8 + n * 0.05, 10.0, "GET /a", None) for n in range(30)]]
    rows += [(12.2, 60.0, "GET /a", "HTTP 500")]
    done = migration_under_load(record(step(), step(12.0, 13.0, DOWNGRADE)), samples(rows))
    assert done.value("migration_stall_ms") == pytest.approx(100.0)
    assert done.value("migration_failures") == 0
    assert done.value("rollback_stall_ms") == pytest.approx(50.0)
    assert done.value("rollback_failures") == 1
    assert done.value("p95") is None


@pytest.mark.parametrize("broken", [{"failed": "the server went away"}, {"steps": (replace(step(), failed="x"),)}])
def test_a_step_that_did_not_complete_has_no_value(broken: dict[str, object]) -> None:
    rows = [*quiet(), (6.2, 110.0, "GET /a", None)]
    done = migration_under_load(replace(record(step()), **broken), samples(rows))  # type: ignore[arg-type] # one field
    assert done.failed
    assert done.value("migration_stall_ms") is None


def answers(different: int) -> ResponseAgreement:
    return ResponseAgreement(10, (EndpointAnswers("GET /a", 10 - different, different, 0, 0),))


@pytest.mark.parametrize(
    ("differences", "agreement", "expected"),
    [
        ((), None, True),
        ((), answers(0), True),
        ((), answers(1), False),
        ((SchemaDifference("index x", None, "x"),), answers(0), False),
        (None, None, None),
    ],
)
def test_rolled_back_is_as_before_when_schema_and_answers_are(
    differences: tuple[SchemaDifference, ...] | None, agreement: ResponseAgreement | None, expected: bool | None
) -> None:
    ways = replace(record(step(), step(8.0, 9.0, DOWNGRADE)), differences=differences)
    rows = [*quiet(), (6.2, 11.0, "GET /a", None), (7.5, 10.0, "GET /a", None), (8.2, 11.0, "GET /a", None)]
    assert migration_under_load(ways, samples(rows), agreement).rolled_back is expected


@given(st.lists(st.tuples(st.floats(3, 10), st.floats(0.1, 9e4), st.booleans()), max_size=60))
def test_no_requests_make_a_negative_loss(rows: list[tuple[float, float, bool]]) -> None:
    table = samples([(due, ms, "GET /a", "x" if failed else None) for due, ms, failed in rows])
    done: MigrationUnderLoad = migration_under_load(record(step()), table)
    for loss in done.losses:
        assert 0 <= loss.waited <= loss.requests
        assert 0 <= loss.failures <= loss.requests
        assert loss.blocked_ms >= 0
        assert loss.stall_ms is None or loss.stall_ms >= 0
