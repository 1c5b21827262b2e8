"""CPU, memory and growth of servers and services, as the reader sees them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.analysis.usage import Consumer
from harness.statistics.intervals import Interval
from reports.sections.usage import usage_rows

if TYPE_CHECKING:
    from tests.pure.reports.conftest import Run

CONSUMERS = (
    Consumer("before", "postgres", 0.783, 412.345, Interval(1.0, -2.0, 3.0)),
    Consumer("before", "auth", 0.1, 98.76, Interval(12.0, 5.0, 20.5), threads=4, descriptors=1033),
    Consumer("after", "postgres", 0.2, 300.0, None),
    Consumer("indexes", "postgres", 0.2, 300.0, None),
)


def test_a_row_tells_both_arms_and_what_growth_means(usual: Run) -> None:
    postgres, auth = usage_rows(replace(usual.summary, consumers=CONSUMERS))
    assert (postgres.before.cpu.text, postgres.before.memory.text) == ("78.3", "412")
    assert postgres.before.growth.text == "+1.00 (\N{MINUS SIGN}2.00 … +3.00)"
    assert postgres.before.verdict == "not decided"
    assert (auth.before.growth.text, auth.before.verdict) == ("+12.0 (+5.00 … +20.5)", "grows")
    assert (auth.before.opened.text, postgres.before.opened.why) == ("4 / 1,033", "not reported by its probe")
    assert postgres.after.growth.why == "needs an endurance stage of 16 s or more"
    assert auth.after.memory.why == "not read in this arm"


def test_the_report_shows_them_only_where_something_was_read(usual: Run) -> None:
    assert "Servers and services" not in usual.report
    assert usage_rows(usual.summary) == ()
