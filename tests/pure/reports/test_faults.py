"""Faults and what followed them, as the reader sees them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.pure.reports.conftest import unlinked

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.pure.reports.conftest import Run


def test_the_verdict_as_recorded(struck: Run, golden: Callable[[str, str], None]) -> None:
    golden("verdict-faults.txt", struck.text() + "\n")


def test_every_fault_is_a_row_before_and_after(struck: Run) -> None:
    rows = [(row.what, row.at, row.arm) for row in struck.findings.faults]
    kill, pause = ("kill postgres for 5 s", "sustain+10 s"), ("pause redis for 2 s", "sustain+25 s")
    assert rows == [(*kill, "before"), (*kill, "after"), (*pause, "before"), (*pause, "after")]


def test_times_are_those_of_the_worst_leg(struck: Run) -> None:
    before, after, *_ = struck.findings.faults
    assert (before.recovered.text, before.detected.text) == ("2 s", "≥ 15 s")
    assert "the next fault began" in before.detected.why
    assert (after.recovered.text, after.detected.text, after.calmed.text) == ("5 s", "2 s", "5 s")


def test_a_fault_without_a_signal_says_so_and_nothing_that_failed_too(struck: Run) -> None:
    *_, row = struck.findings.faults
    assert (row.failures, row.failed.why, row.recovered.text) == ("0", "no request failed", "0 ms")
    assert row.detected.why == "the plan names no signal of this fault"


def test_a_recovery_is_judged_leg_by_leg(struck: Run) -> None:
    outcomes = {row.expect: (row.outcome, row.reason) for row in struck.findings.targets}
    assert outcomes["recovery_seconds < 20 s"] == ("PASS", "every leg is within the limit")
    assert outcomes["recovery_seconds < 2 s"] == ("FAIL", "at least two legs are outside the limit")
    assert outcomes["detection_seconds < 5 s"] == ("PASS", "every leg is within the limit")


def test_what_never_recovered_is_no_pass_and_says_at_least(never_well: Run) -> None:
    rows = {row.expect: row for row in never_well.findings.targets}
    assert rows["recovery_seconds < 20 s"].outcome == "INCONCLUSIVE"
    assert rows["recovery_seconds < 20 s"].after.text == "≥ 13 s"
    assert rows["recovery_seconds < 2 s"].outcome == "FAIL"
    assert rows["recovery_seconds rises by at most 5 % and 8 s"].outcome in {"FAIL", "INCONCLUSIVE"}
    after = never_well.findings.faults[1]
    assert after.recovered.text == "≥ 10 s"
    assert "not recovered within 10 s" in after.sentence


def test_the_report_shows_faults_in_table_timeline_and_summary(struck: Run) -> None:
    report = unlinked(struck.files["report.html"])
    assert "<h2>Faults</h2>" in report
    assert "Hatched: a fault" in report
    assert "failed requests, faults" in report
    assert "| kill postgres for 5 s | sustain+10 s | after |" in struck.undrawn["summary.md"]
    recorded = json.loads(struck.undrawn["summary.json"])["faults"]
    assert len(recorded) == 16
    assert recorded[0]["kind"] == "kill"
    assert {one["recovered_after"] for one in recorded if one["kind"] == "pause"} == {0.0}


def test_a_plan_without_faults_says_nothing_of_them(usual: Run) -> None:
    assert usual.findings.faults == ()
    assert "<h2>Faults</h2>" not in usual.report
    assert "Hatched" not in usual.report
