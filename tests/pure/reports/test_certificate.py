"""What a selftest said, as a report and a terminal show it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

import reports
from harness.record.selftest import Equal, Kill, Power
from reports.page import Page
from reports.sections.selftest import certificate_facts
from tests.pure.reports.conftest import render_undrawn
from tests.pure.verdict.test_certificate import GOOD

if TYPE_CHECKING:
    from harness.record.selftest import Certificate
    from tests.pure.reports.conftest import Run

BUSY = replace(GOOD, equal=Equal(7, 3, 0, 7), power=Power(0.2, 0, 5, 0), guards=("GENERATOR_BUSY", "SCHEDULE_LATE"))


def trials(certificate: Certificate) -> dict[str, str]:
    return dict(certificate_facts(certificate))


def rendered(run: Run, certificate: Certificate | None) -> dict[str, str]:
    return render_undrawn(replace(run.result, certificate=certificate))


def test_the_setup_shows_every_trial(usual: Run) -> None:
    page = Page(replace(usual.result, certificate=GOOD))
    assert {facts.title: dict(facts.rows) for facts in page.setup}["Selftest of this machine"] == {
        "result": "this machine is fit for measurements",
        "when": "2026-01-02 03:04 UTC, harness 0.1.0, seed 1",
        "A/A tests": '✓ 0 of 10 suites of 6 blocks failed "p95 rises by at most 10 %" (95 % interval 0 … 27.8 %)',
        "95 % intervals": '✓ 10 of 10 contain "no change" (95 % interval 72.2 … 100 %)',
        "20 % more work": "✓ detected in 5 of 5 suites (95 % interval 56.6 … 100 %)",
        "known delay": "✓ P50 off by +0.400 ms of 27.5, P95 off by +0.400 ms of 47.7",
        "freeze": "✓ P95 off by +0.401 % of the 1,500 ms by calculation, stopped for 2.00 s",
        "killed generator process": "✓ reported, the run is INVALID",
    }


def test_the_report_and_the_summary_carry_it(usual: Run) -> None:
    files = rendered(usual, GOOD)
    assert "<h3>Selftest of this machine</h3>" in files["report.html"]
    assert "0 of 10 suites of 6 blocks failed" in files["report.html"]
    (line,) = [one for one in files["summary.md"].splitlines() if one.startswith("**Selftest of this machine**")]
    assert "fit for measurements" in line
    assert "detected in 5 of 5 suites" in line


def test_without_one_nothing_is_shown_and_nothing_else_changes(usual: Run) -> None:
    assert rendered(usual, None) == usual.undrawn
    with_one = rendered(usual, GOOD)
    assert {name for name in usual.undrawn if with_one[name] != usual.undrawn[name]} == {"report.html", "summary.md"}
    assert not any("Selftest" in text for text in usual.undrawn.values())


def test_what_is_in_doubt_says_why() -> None:
    rows = trials(BUSY)
    assert rows["A/A tests"][0] == rows["95 % intervals"][0] == "?"
    missed = trials(replace(GOOD, equal=Equal(10, 0, 0, 5)))
    assert [missed["A/A tests"][0], missed["95 % intervals"][0]] == ["✓", "✗"]
    assert rows["A/A tests"].endswith("; 3 more INVALID (GENERATOR_BUSY, SCHEDULE_LATE)")
    assert rows["20 % more work"] == "? detected in 0 of 0 suites; 5 more INVALID (GENERATOR_BUSY, SCHEDULE_LATE)"
    late = trials(replace(GOOD, delay=replace(GOOD.delay, requests=398)))
    assert late["known delay"].endswith("; 2 responses were not recorded")
    busy = trials(replace(GOOD, delay=replace(GOOD.delay, valid=False), freeze=replace(GOOD.freeze, valid=False)))
    assert [busy[name].endswith("; a guard broke") for name in ("known delay", "freeze")] == [True, True]


@pytest.mark.parametrize(
    ("certificate", "first", "last"),
    [
        (GOOD, "✓ this machine is fit", "reported, the run is INVALID"),
        (BUSY, "? inconclusive: this machine is too busy", "more blocks"),
        (replace(GOOD, kill=Kill("PASS", named=False)), "✗ the measurement is broken", "the marked trials"),
    ],
    ids=["fit", "inconclusive", "broken"],
)
def test_a_terminal_gets_the_headline_the_trials_and_what_to_do(
    certificate: Certificate, first: str, last: str
) -> None:
    lines = reports.certificate_text(certificate, 1320).splitlines()
    assert lines[0].startswith(first)
    assert lines[1].endswith("took 22 min 0 s")
    assert lines[-1].endswith(last)


def test_a_terminal_that_knows_ascii_only_gets_it() -> None:
    text = reports.certificate_text(replace(GOOD, kill=Kill("PASS", named=False)), 1, ascii_only=True)
    assert text.isascii()
    assert "?" not in text


def test_what_comes_from_a_file_steers_no_terminal() -> None:
    hostile = replace(GOOD, version="1\x1b[2J", kill=Kill("\x1b[2J", named=False), date="\x1b[2J")
    assert "\x1b" not in reports.certificate_text(hostile, 1)


def test_what_is_about_to_be_done_is_said() -> None:
    said = reports.selftest_begins(10, 5, 6, 1320)
    assert said.startswith("10 suites of A/A tests and 5 with more work, 6 blocks each")
    assert said.endswith("about 22 min 0 s")
