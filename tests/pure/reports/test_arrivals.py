"""An open-loop run: arrivals, service time beside latency, the rate held."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from reports.progress import ProgressLine
from tests.doubles import synthetic_trials

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.record.generation import OfferedLoad
    from tests.pure.reports.conftest import Run


def test_the_verdict_and_the_summary_as_recorded(opened: Run, golden: Callable[[str, str], None]) -> None:
    golden("verdict-open.txt", opened.text() + "\n")
    golden("summary-open.md", opened.undrawn["summary.md"])
    golden("verdict-open.json", opened.undrawn["verdict.json"])


def test_every_stage_is_a_row_of_each_arm(opened: Run) -> None:
    table = opened.findings.arrivals
    assert table is not None
    assert [(row.stage, row.arm) for row in table.rows[:4]] == [
        ("ramp", "before"), ("ramp", "after"), ("peak", "before"), ("peak", "after"),
    ]  # fmt: skip
    (before,) = (row for row in table.rows if (row.stage, row.arm) == ("sustain", "before"))
    counted = [leg for leg in opened.summary.legs if leg.leg.arm == "before"]
    planned = sum(o.planned for leg in counted for o in leg.offered if o.stage == "sustain")
    assert (before.rate, before.planned, before.dropped) == ("100", f"{planned:,}", "160")
    assert (before.started, before.share) == (f"{planned - 160:,}", f"{(1 - 160 / planned) * 100:.1f}")
    assert before.users == "200 of 200"
    assert table.lags == "scheduling delay (P99 of the worst leg): before 0.500 ms, after 0.500 ms"


def test_service_time_stands_beside_latency_where_the_two_can_differ(opened: Run, usual: Run) -> None:
    labels = [column.label for column in opened.page.columns]
    assert labels[1:7] == [
        "P50", "P95", "P99", "P50 of service time", "P95 of service time", "P99 of service time",
    ]  # fmt: skip
    assert not [column.label for column in usual.page.columns if "service" in column.label]
    sustain = next(stage for stage in opened.page.stages if stage.title == "sustain").rows[0]
    latency, service = (float(sustain.before[labels.index(name)].text.replace(",", "")) for name in ("P95", labels[5]))
    assert latency > 1000 > service
    assert "of service time" in opened.undrawn["summary.md"]


def test_a_stage_says_its_rate(opened: Run) -> None:
    assert [stage.detail for stage in opened.page.stages[1:4]] == [
        "10/s, 5 s", "30/s, 20 s, warm-up 2 s", "100/s, 40 s",
    ]  # fmt: skip


def test_the_rate_held_is_exact(opened: Run) -> None:
    table = opened.page.capacity
    assert table is not None
    assert (table.title, table.load) == ("Rate held", "arrivals/s")
    assert [(row.load, row.before_held, row.after_held) for row in table.rows] == [
        ("50", "✓ held", "✓ held"),
        ("62.5", "✗ not held", "✓ held"),
    ]
    assert (table.before.text, table.after.text) == ("50 req/s", "≥ 62.5 req/s")
    outcomes = {row.expect: (row.outcome, row.reason) for row in opened.findings.targets}
    assert outcomes["rate_held >= 60"] == ("PASS", "every leg is within the limit")
    assert outcomes["rate_held rises by 20 %"] == ("PASS", "the whole interval meets the target")


def test_records_have_the_arrivals_and_steps_by_rate(opened: Run) -> None:
    record = json.loads(opened.undrawn["summary.json"])
    first = record["arrivals"][0]
    assert {"block", "arm", "stage", "rate", "planned", "started", "late", "dropped", "most_users", "users"} == set(
        first
    )
    assert len(record["arrivals"]) == 8 * 5
    assert record["steps"][0] == {"block": 1, "arm": first["arm"], "stage": "50 a second", "rate": 50, "held": True}
    assert (record["legs"][0]["schedule_lag_p99_ms"], record["legs"][0]["gc_pause_ms"]) == (0.5, 1.5)
    kinds = [caveat["kind"] for caveat in json.loads(opened.undrawn["verdict.json"])["caveats"]]
    assert "arrivals_waited" in kinds
    pooled = next(row for row in record["rows"] if row["block"] is row["stage"] is row["endpoint"] is None)
    assert (pooled["users_held"], pooled["rate_held"]) in {(None, 50), (None, 62.5)}


def test_the_page_and_its_timeline_speak_of_arrivals(opened: Run, usual: Run) -> None:
    html, closed = opened.report, usual.report
    assert "<h2>Arrivals</h2>" in html
    assert ">arrivals/s<" in html
    assert "<h2>Arrivals</h2>" not in closed
    assert "service time" not in closed
    facts = {group.title: dict(group.rows) for group in opened.page.setup}["Generator"]
    assert facts["worst delay of an arrival"] == "0.500 ms (P99 of the worst leg)"
    assert facts["longest garbage collection"] == "1.50 ms"


def test_a_run_whose_arrivals_nobody_counted_has_no_table(awkward_runs: dict[str, Run]) -> None:
    assert awkward_runs["open and uncounted"].findings.arrivals is None


def test_the_live_line_tells_the_rate_and_who_is_at_work() -> None:
    facts = {"place": "block 1 of 2", "stage": "peak", "stage_second": 3.0, "stage_seconds": 20.0, "users": 1200,
             "rps": 299.0, "p95_ms": 12.5, "failures": 0, "left_seconds": 61.0}  # fmt: skip
    assert "· 1,200 users ·" in str(ProgressLine(**facts))  # type: ignore[arg-type]
    assert "· 300/s, 1,200 users active · 299 req/s ·" in str(ProgressLine(**facts, rate=300.0))  # type: ignore[arg-type]


def test_a_rate_whose_arrivals_did_not_begin_is_not_held(run_of: Callable[..., Run], opened: Run) -> None:
    """The few that began were answered fast."""
    trials = [
        replace(t, generation=replace(t.generation, offered=tuple(map(_half_of_the_last, t.generation.offered))))
        for t in synthetic_trials(opened.plan)
    ]
    table = run_of(opened.plan_text, trials).page.capacity
    assert table is not None
    assert [row.after_held for row in table.rows] == ["✓ held", "✗ not held"]
    assert table.after.text == "50 req/s"


def _half_of_the_last(offered: OfferedLoad) -> OfferedLoad:
    last = offered.stage == "a few more"
    return replace(offered, planned=offered.planned * 2, most_users=625) if last else offered
