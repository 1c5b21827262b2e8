"""Runs in which before and after did not take turns: every form of the report has to say so."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from reports.charts.blocks import blocks_charts
from tests.pure.reports.conftest import unlinked

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.pure.reports.conftest import Run


def test_the_verdict_as_recorded(sequential: Run, golden: Callable[[str, str], None]) -> None:
    golden("verdict-sequential.txt", sequential.text() + "\n")
    golden("summary-sequential.md", sequential.undrawn["summary.md"])
    golden("verdict-sequential.json", sequential.undrawn["verdict.json"])


@pytest.mark.parametrize("name", ["report.html", "summary.md", "junit.xml"])
def test_no_file_speaks_of_interleaved_blocks_or_pairs(sequential: Run, usual: Run, name: str) -> None:
    text = re.sub(r"<svg .*?</svg>", "", unlinked(sequential.undrawn[name]), flags=re.DOTALL)
    assert "4 sequential, unpaired legs of each arm, 20,800 requests" in text
    assert "interleaved" not in text
    assert "one leg of each arm under the same load" not in text
    assert "sequential" not in unlinked(usual.undrawn[name])


def test_the_sentences_say_it(sequential: Run) -> None:
    findings = sequential.findings
    assert findings.headline.endswith("; the run is sequential: before ran first, then after.")
    assert "; sequential, unpaired)" in findings.finding
    assert "worst block" not in findings.finding
    assert "SEQUENTIAL" in [remark.kind for remark in findings.remarks]
    reasons = {row.expect: row.reason for row in findings.targets}
    assert "the legs are sequential" in reasons["p95 falls by 80 %"]
    assert "the legs are sequential" not in reasons["p95 < 300 ms"]


def test_the_report_explains_it(sequential: Run) -> None:
    html = sequential.report
    assert "<h2>Legs</h2>" in html
    assert "<h2>Blocks</h2>" not in html
    assert "This run is <b>sequential</b>" in html


def test_no_line_joins_legs_that_are_no_pair(sequential: Run, usual: Run) -> None:
    def picture(run: Run) -> str:
        (_, chart), *_ = blocks_charts(run.comparison, run.verdict)
        return chart.svg

    unpaired = picture(sequential)
    assert "of every leg, before and after" in unpaired
    assert "leg of each arm" in unpaired
    assert picture(usual).count("<path") - unpaired.count("<path") == 4  # a line in each block


def test_the_setup_says_where_the_arms_were_and_in_which_order(sequential: Run) -> None:
    facts = {group.title: dict(group.rows) for group in sequential.page.setup}
    assert facts["Arms"] == {
        "before": "${OLD}/api",
        "after": "revision v2, ${NEW}, RELEASE=optimized",
    }
    assert [*facts["Order of legs"].items()] == [
        ("before", "sequential: legs 1, 2, 3, 4"),
        ("after", "sequential: legs 5, 6, 7, 8"),
    ]


def test_the_comparison_says_that_it_is_of_no_pairs(sequential: Run, usual: Run) -> None:
    assert json.loads(sequential.undrawn["comparison.json"])["sequential"] is True
    assert "sequential" not in json.loads(usual.undrawn["comparison.json"])
