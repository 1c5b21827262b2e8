"""The migration under load, as the reader sees it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

import reports
from harness.analysis.answers import EndpointAnswers, ResponseAgreement
from harness.evidence.evidence import Evidence
from harness.evidence.migration import MigrationUnderLoad, RequestLoss, TimelinePoint
from harness.record.migration import (
    DOWNGRADE,
    PLANNED,
    UPGRADE,
    DiskUse,
    LintFinding,
    LockQueue,
    LockWait,
    MigrationRecord,
    MigrationStatement,
    MigrationStep,
    SchemaDifference,
)
from reports.sections.migration import migration_section, sentence
from tests.pure.reports.conftest import unlinked

if TYPE_CHECKING:
    from tests.pure.reports.conftest import Run

ALTER = "ALTER TABLE contents\n  ADD COLUMN <b>colour</b> text -- hm"
WAIT = LockWait(
    9, 108.0, 108.4, "RowExclusiveLock", "contents", "UPDATE contents", own=False, head=ALTER, behind=PLANNED
)
UP = MigrationStep(
    UPGRADE,
    None,
    "0002",
    107.0,
    109.0,
    held=2.0,
    statements=(
        MigrationStatement(107.5, 0.1, "BEGIN"),
        MigrationStatement(107.9, 500.0, ALTER, lock="AccessExclusiveLock", tables=("contents",)),
        MigrationStatement(108.5, 0.2, "COMMIT"),
    ),
    waits=(WAIT,),
    queue=LockQueue(3, 108.2, ALTER),
    space=DiskUse(wal=5000, wal_of_load=1000, before=2**20, peak=2**21),
    rewritten=("contents",),
    errors=(("deadlock detected", 2),),
    looks=80,
    look_ms=1.2,
)
DOWN = MigrationStep(
    DOWNGRADE, None, "0001", 113.0, 114.0, statements=(MigrationStatement(113.5, 10.0, "ALTER TABLE contents DROP x"),)
)
LINTS = (LintFinding(0, 1, "require-lock-timeout", "Missing lock_timeout.", "Set one."),)
RECORD = MigrationRecord("sustain", 100.0, (UP, DOWN), differences=(), lints=LINTS, linted="squawk", answers=True)
LOSS = RequestLoss(
    UPGRADE,
    None,
    7.9,
    8.4,
    requests=40,
    usual_ms=12.0,
    stall_ms=410.0,
    endpoint="POST /interactions",
    blocked_by=ALTER,
    blocker_waited_for=PLANNED,
    waited=3,
    blocked_ms=900.0,
    lock_ms=400.0,
)
BACK = RequestLoss(DOWNGRADE, None, 13.5, 13.6, requests=9, usual_ms=12.0, stall_ms=0.2)
POINTS = tuple(TimelinePoint(n / 10, 12.0 + 400 * (78 < n < 84), int(n == 80)) for n in range(150))
TRIED = MigrationUnderLoad(
    RECORD, (LOSS, BACK), POINTS, ResponseAgreement(10, (EndpointAnswers("GET /a", 10, 0, 0, 0),))
)
SHOWN = "ALTER TABLE contents ADD COLUMN <b>colour</b> text"


def test_one_sentence_says_what_it_cost_and_whether_there_is_a_way_back() -> None:
    assert sentence(TRIED) == (
        f"The longest that a request waited was 410 ms, behind {SHOWN}, which itself waited for the long "
        "transaction; 3 requests waited, 900 ms together; none failed; rolled back, the database is as before "
        "(schema and answers)."
    )


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"losses": (replace(LOSS, waited=1, failures=2, blocker_waited_for=""), BACK)},
            "1 request waited, 900 ms together; 2 f",
        ),
        (
            {"losses": (replace(LOSS, blocked_by=""), BACK)},
            "waited for a lock of the migration; the longest stall was",
        ),
        ({"losses": (replace(LOSS, blocked_by="", stall_ms=0.0), BACK)}, "none stalled"),
        ({"losses": (replace(LOSS, stall_ms=None), BACK)}, "No request was under way while the migration ran"),
        ({"losses": (LOSS, replace(BACK, stall_ms=90.0))}, "rolled back (longest stall 90.0 ms), the database is as"),
        ({"agreement": None}, "the database is as before (schema; responses were not compared)"),
        (
            {"record": replace(RECORD, differences=(SchemaDifference("index x", None, "y"),))},
            "the database is NOT as before: 1 difference in the schema",
        ),
        (
            {"agreement": ResponseAgreement(10, (EndpointAnswers("GET /a", 9, 1, 0, 0),))},
            "NOT as before: responses differ",
        ),
        ({"record": replace(RECORD, differences=None)}, "the database was not compared with before"),
        (
            {"record": replace(RECORD, steps=(replace(UP, failed="took longer than 9 s"),)), "losses": (LOSS,)},
            "did not finish: the upgrade took longer than 9 s. The schema is unchanged.",
        ),
    ],
)
def test_what_else_it_may_say(changed: dict[str, object], said: str) -> None:
    assert said in sentence(replace(TRIED, **changed))  # type: ignore[arg-type] # fields by name


def test_a_statement_stands_beside_what_it_held_and_what_was_warned_of() -> None:
    section = migration_section(Evidence(migration=TRIED))
    assert section
    up, down = section.directions
    (row,) = up.rows
    assert (row.text, row.took.text, row.lock) == (SHOWN, "500 ms", "AccessExclusiveLock on contents")
    assert row.blocks == "blocks reads and writes"
    assert row.waited == "blocked 1 session of the service, for up to 400 ms"
    assert row.rules == (("require-lock-timeout", "Missing lock_timeout. Set one."),)
    assert up.left_out == "Not shown: 2 statements under 5 ms that blocked nobody."
    facts = dict(up.facts)
    assert facts["longest queue"].startswith("3 sessions, behind ALTER TABLE")
    assert facts["WAL"] == "3.91 KiB more than the load alone"
    assert facts["tables rewritten"] == "contents"
    assert facts["errors of the database"] == "deadlock detected (2 times)"
    assert down.title == "Rollback to 0001"


def test_it_is_in_every_form_of_the_report(usual: Run) -> None:
    result = replace(usual.result, evidence=Evidence(migration=TRIED))
    files = reports.render(result)
    assert "Migration under load</h2>" in unlinked(files["report.html"])
    assert "<b>colour</b>" not in files["report.html"]
    assert "migration-900" in files["report.html"]
    assert "**Migration under load**: The longest that a request waited" in files["summary.md"]
    said = reports.text(result, width=120)
    assert "migration under load\n" in said
    record = json.loads(files["rehearsal.json"])
    assert record["rolled_back_as_before"] is True
    assert record["losses"][0]["stall_ms"] == 410.0
    assert record["steps"][0]["statements"][1]["text"] == ALTER


def test_where_it_was_not_tried_nothing_is_said(usual: Run) -> None:
    assert migration_section(Evidence()) is None
    assert "while it runs" not in usual.report
    assert "rehearsal.json" not in usual.undrawn
