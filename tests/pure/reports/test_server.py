"""What servers and statements come to in a report."""

import json
from dataclasses import replace

import pyarrow as pa
import pytest

from harness.analysis.comparison import compare
from harness.analysis.summary import Summary, summarise
from harness.plan.file import parse_plan
from harness.record.executions import HIDDEN, ExecutionRow, executions_of
from harness.record.trial import Trial
from harness.verdict.judge import Measurement, judge
from harness.verdict.outcomes import outcomes_of
from harness.verdict.result import Result
from reports import formatting
from reports.sections.servers import server_section
from reports.sections.statements import statement_table
from tests.doubles import PLAN, synthetic_setup, synthetic_trials
from tests.pure.evidence.test_server_side import told
from tests.pure.reports.conftest import render_undrawn

SECOND = 10**9
TEXTS = {"n1": "SELECT tag FROM tags WHERE content_id = %s", "x": "SELECT <b>", "old": "SELECT old"}


def row(second: int, print_: str, calls: int, ms: float, slowest: float = 0.0) -> ExecutionRow:
    return (second - 1) * SECOND, second * SECOND, "", print_, calls, calls, 3 * calls, calls, 0, ms, slowest


def with_everything(trial: Trial) -> Trial:
    before = trial.leg.arm == "before"
    rows = [row(second, "n1", 500 if before else 20, 100.0 if before else 2.0) for second in range(34)]
    rows += [row(9, "old" if before else "x", 1, 250.0, 250.0)]
    readings = {
        "connections": [12.0 if before else 4.0] * 32,
        "blks_hit": [90.0 * s for s in range(32)],
        "blks_read": [10.0 * s for s in range(32)],
        'waiting{for="Lock:transactionid"}': [0.5 if before else 0.0] * 32,
        "deadlocks": [0.0] * 32,
    }
    found = told(trial, readings)
    cost = told(
        trial, {"probe_seconds": [30.0], "probe_cpu_seconds": [0.3], "probe_server_ms": [60.0]}, "server:probes"
    )
    both = pa.concat_tables([found.readings, cost.readings]).unify_dictionaries()
    return replace(trial, readings=both, executions=executions_of(rows, -SECOND, 34 * SECOND, TEXTS))


@pytest.fixture(scope="module")
def summary() -> Summary:
    return summarise([with_everything(trial) for trial in synthetic_trials(parse_plan(PLAN))])


def test_servers_are_told_in_plain_words_with_what_asking_cost(summary: Summary) -> None:
    section = server_section(summary)
    assert section is not None
    (table,) = section.tables
    assert table.title == "PostgreSQL"
    assert table.never == "0 in both arms: deadlocks/s."
    lines = {line.label: (line.before.text, line.after.text, line.meaning) for line in table.rows}
    assert lines["peak connections"][:2] == ("12", "4")
    assert lines["buffer cache hit ratio"][:2] == ("90.0 %", "90.0 %")
    waits = lines["waiting: Lock:transactionid"]
    assert waits == ("0.500", "0", "waiting for a row or table lock of another session")
    assert "before 1.00 % of a core for the harness, 0.200 % of a core for PostgreSQL" in section.cost
    assert "database size" not in lines


def test_what_redis_found_stands_beside_what_the_services_say() -> None:
    found = {"hits": [8.0 * second for second in range(32)], "misses": [2.0 * second for second in range(32)]}
    made = (told(trial, found, "server:redis") for trial in synthetic_trials(parse_plan(PLAN)))
    section = server_section(summarise(made))
    assert section is not None
    (table,) = section.tables
    assert table.title == "Redis"
    assert [line.label for line in table.rows[:2]] == ["cache hit rate of responses", "hit rate"]
    assert table.rows[0].after.text.endswith(" %")
    assert table.rows[1].after.text == "80.0 %"


def test_statements_are_joined_and_ranked_by_time_per_request(summary: Summary) -> None:
    table = statement_table(summary)
    assert table is not None
    assert [(one.text, one.what) for one in table.rows] == [
        (TEXTS["n1"].replace("%s", "?"), f"{formatting.MINUS}98.0 %"),
        ("SELECT <b>", "new"),
        ("SELECT old", "gone"),
    ]
    assert table.rows[0].before.buffers.text == "4.00"
    assert table.rows[0].after.slowest.why
    assert table.rows[2].after.calls.why == "not executed in this arm"
    assert table.slow == "Statements with an execution over 100 ms: before 1, after 1."


def test_nothing_told_is_no_section_and_hidden_statements_have_a_name() -> None:
    plan = parse_plan(PLAN)
    nothing = summarise(synthetic_trials(plan))
    assert server_section(nothing) is None
    assert statement_table(nothing) is None
    rows = [row(second, HIDDEN, 5, 1.0) for second in range(34)]
    hidden = summarise(
        replace(trial, executions=executions_of(rows, -SECOND, 34 * SECOND)) for trial in synthetic_trials(plan)
    )
    table = statement_table(hidden)
    assert table is not None
    assert [one.text for one in table.rows] == ["statements of other roles (text not visible)"]


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ((3, 40.0, 20.0), (3, 4.0, 1.0), [("40.0", "4.00"), ("20.0 ms", "1.00 ms"), ("0.500 ms", "0.250 ms")]),
        ((3, 40.0, 20.0), (0, 0.0, 0.0), [("40.0", "0"), ("20.0 ms", "0 ms"), ("0.500 ms", None)]),
        ((3, None, None), (3, None, None), []),  # nobody counts them
        ((0, 0.0, 0.0), (0, 0.0, 0.0), []),
    ],
)
def test_what_triggers_took_is_shown_where_there_are_any(
    before: tuple[int, float | None, float | None],
    after: tuple[int, float | None, float | None],
    wanted: list[tuple[str, str | None]],
) -> None:
    def with_triggers(trial: Trial) -> Trial:
        there, *rates = before if trial.leg.arm == "before" else after
        counts = {
            name: rate for name, rate in zip(("trigger_calls", "trigger_ms"), rates, strict=True) if rate is not None
        }
        rising = {name: [rate * second for second in range(33)] for name, rate in counts.items()}
        return told(
            trial, {"triggers": [float(there)] * 33, "connections": [2.0] * 33, **rising}, "server:postgres/auth"
        )

    section = server_section(summarise(map(with_triggers, synthetic_trials(parse_plan(PLAN)))))
    assert section is not None
    (table,) = section.tables
    rows = [row for row in table.rows if "trigger" in row.label]
    assert [(row.before.text, None if row.after.why else row.after.text) for row in rows] == wanted
    assert [row.after.why for row in rows if row.after.why] == ["none was called"] * any(None in row for row in wanted)
    assert "trigger" not in table.never


def test_the_report_shows_them_escaped_and_the_json_has_them_all(summary: Summary) -> None:
    plan = parse_plan(PLAN)
    comparison = compare(summary)
    verdict = judge(Measurement(plan, synthetic_setup(plan), summary, comparison))
    outcomes = outcomes_of(comparison, plan.judgement, plan.targets)
    files = render_undrawn(Result(plan, PLAN, synthetic_setup(plan), [], summary, comparison, verdict, outcomes))
    assert "SELECT &lt;b&gt;" in files["report.html"]
    assert "SELECT <b>" not in files["report.html"]
    assert "Server statistics" in files["report.html"]
    record = json.loads(files["statements.json"])
    assert {one["fingerprint"] for one in record["statements"]} == {"n1", "old", "x"}
    assert {one["source"] for one in record["servers"]} == {"server:postgres", "server:probes"}


def test_a_pull_request_sees_the_statements_that_took_the_time(summary: Summary) -> None:
    plan = parse_plan(PLAN)
    comparison = compare(summary)
    verdict = judge(Measurement(plan, synthetic_setup(plan), summary, comparison))
    outcomes = outcomes_of(comparison, plan.judgement, plan.targets)
    lines = render_undrawn(Result(plan, PLAN, synthetic_setup(plan), [], summary, comparison, verdict, outcomes))
    shown_lines = lines["summary.md"].splitlines()
    assert "**Top SQL by total time**: Statements with an execution over 100 ms: before 1, after 1." in shown_lines
    assert any(line.startswith("| SELECT tag FROM tags") and line.endswith("98.0 % |") for line in shown_lines)
