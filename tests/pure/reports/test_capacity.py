"""Users held and other facts of whole legs and arms, as the reader sees them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.pure.reports.conftest import Run


def test_the_verdict_as_recorded(stressed: Run, golden: Callable[[str, str], None]) -> None:
    golden("verdict-capacity.txt", stressed.text() + "\n")


def test_every_stress_stage_is_a_row_and_the_last_is_what_was_held(stressed: Run) -> None:
    table = stressed.page.capacity
    assert table is not None
    assert "held in a leg when p95 < 700 ms and error_rate < 1 % in its stress stage" in table.lead
    assert [(row.load, row.before_held, row.after_held) for row in table.rows] == [
        ("50", "✓ held", "✓ held"),
        ("200", "✗ not held", "✓ held"),
        ("500", "✗ not held", "✓ held"),
    ]
    assert (table.before.text, table.after.text) == ("50 users", "≥ 500 users")


def test_p95_stands_in_the_table_as_in_its_stage(stressed: Run) -> None:
    table = stressed.page.capacity
    assert table is not None
    p95 = [column.label for column in stressed.page.columns].index("P95")
    stages = {stage.title: stage.rows[0] for stage in stressed.page.stages}
    for row in table.rows:
        assert (row.before, row.after) == (stages[row.stage].before[p95], stages[row.stage].after[p95])


def test_a_stage_that_some_legs_hold_says_how_many(run_of: Callable[..., Run], plan_text: str) -> None:
    stress = '[[stages]]\nkind = "stress"\nseconds = 20\nusers = 50\n[capacity]\nlimit = ["p95 < 345 ms"]\n'
    table = run_of(plan_text + stress).page.capacity
    assert table is not None
    assert (table.rows[0].before_held, table.rows[0].after_held) == ("? held in 2 of 4 legs", "✓ held")
    assert table.before.text == "0 users"


def test_nothing_held_is_a_number_and_no_change(awkward_runs: dict[str, Run]) -> None:
    rows = {row.expect: row for row in awkward_runs["none held"].findings.targets}
    change = rows["users_held rises by 900 %"]
    assert (change.before.text, change.after.text) == ("0 users", "0 users")
    assert (change.change.text, change.change.why) == ("—", "a value of zero has no ratio")


def test_two_lower_bounds_have_no_change(awkward_runs: dict[str, Run]) -> None:
    rows = {row.expect: row for row in awkward_runs["all held"].findings.targets}
    change = rows["users_held rises by 900 %"]
    assert (change.before.text, change.after.text) == ("≥ 500 users", "≥ 500 users")
    assert change.change.text == "—"
    assert change.change.why == "the largest stress stage was held: the capacity is a lower bound"


def test_what_is_measured_once_says_so(stressed: Run) -> None:
    rows = {row.expect: row for row in stressed.findings.targets}
    indexes, seconds = rows["indexes_created >= 40"], rows["migration_seconds < 60 s"]
    assert (indexes.before.text, indexes.after.text, indexes.reason) == ("0", "2", "measured once, outside the limit")
    assert (seconds.after.text, seconds.reason) == ("48.2 s", "measured once, within the limit")
    assert [remark.kind for remark in seconds.remarks] == ["MEASURED_ONCE"]
    assert (indexes.change.text, indexes.interval.text) == ("—", "—")
    assert "measured once" in indexes.change.why


def test_the_time_to_readiness_is_in_the_setup(stressed: Run) -> None:
    facts = {group.title: dict(group.rows) for group in stressed.page.setup}
    assert facts["Time to readiness, mean"] == {"before": "1.62 s", "after": "2.12 s"}


def test_the_record_says_what_is_a_lower_bound(stressed: Run) -> None:
    check = json.loads(stressed.undrawn["verdict.json"])["checks"][0]
    assert (check["before"], check["before_at_least"]) == (50, False)
    assert (check["after"], check["after_at_least"]) == (500, True)
    steps = json.loads(stressed.undrawn["summary.json"])["steps"]
    assert steps[0] == {"block": 1, "arm": "after", "stage": "50 users", "users": 50, "held": True}
    assert len(steps) == 8 * 3


def test_a_plan_that_does_not_ask_has_no_table(usual: Run) -> None:
    assert usual.page.capacity is None
    assert "Users held" not in usual.report


def test_ascii_has_a_lower_bound_too(stressed: Run) -> None:
    assert ">= 500 users" in stressed.text(ascii_only=True)
