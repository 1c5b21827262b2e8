"""The capacity that searches found, as the reader sees it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.pure.reports.conftest import Run


def test_the_verdict_as_recorded(searched: Run, golden: Callable[[str, str], None]) -> None:
    golden("verdict-search.txt", searched.text() + "\n")


def test_the_section_as_recorded(searched: Run, golden: Callable[[str, str], None]) -> None:
    section = re.search(r"<section>\n<h2>Capacity</h2>.*?</section>", searched.report, re.DOTALL)
    assert section is not None
    golden("search.html", re.sub(r"<svg .*?</svg>", "<svg/>", section[0], flags=re.DOTALL) + "\n")


def test_a_line_of_markdown_has_both_arms_their_intervals_and_the_ratio(searched: Run) -> None:
    (line,) = [line for line in searched.undrawn["summary.md"].splitlines() if line.startswith("**Capacity**")]
    assert re.fullmatch(
        r"\*\*Capacity\*\*: before [\d.]+ req/s \([\d.]+ … [\d.]+ req/s\), "
        r"after [\d.]+ req/s \([\d.]+ … [\d.]+ req/s\): "
        r"[\d.]+ times \(95 % interval [\d.]+ … [\d.]+\); \d+ tries in 8 legs\.",
        line,
    )


def test_every_leg_is_a_row_and_a_line_of_the_picture(searched: Run) -> None:
    table = searched.findings.search
    assert table is not None
    assert [(row.block, row.arm) for row in table.rows] == [
        (str(b), a) for b in range(1, 5) for a in ("before", "after")
    ]
    assert {row.ended for row in table.rows} == {"within the precision"}
    page = searched.files["report.html"]
    for row in table.rows:
        assert page.count(f">{row.arm} {row.block}<") == 2  # a wide and a narrow picture


def test_bounds_are_said_to_be_bounds(unsearched: Run) -> None:
    table = unsearched.findings.search
    assert table is not None
    before, after = table.arms
    assert (before.held.text, before.interval) == ("0 req/s", "0 … 20.0 req/s")
    assert (after.held.text, after.interval) == ("≥ 1,000 req/s", "≥ 1,000 req/s")
    assert table.change == ""
    first, second = table.rows[:2]
    assert (first.held.text, first.missed.text) == ("—", "20")
    assert (second.held.text, second.missed.text) == ("1,000", "—")
    assert [target.outcome for target in unsearched.findings.targets] == ["INCONCLUSIVE", "PASS"]


def test_the_record_has_every_try(searched: Run) -> None:
    searches = json.loads(searched.undrawn["summary.json"])["searches"]
    assert len(searches) == 8
    assert all(one["held"] < one["missed"] for one in searches)
    assert {tried["word"] for one in searches for tried in one["tries"]} == {"held", "missed"}
    pairs = json.loads(searched.undrawn["comparison.json"])["pairs"]
    (pair,) = [pair for pair in pairs if pair["metric"] == "rate_held"]
    assert all(block["before"] < block["before_high"] for block in pair["blocks"])


def test_bounds_are_null_in_the_record(unsearched: Run) -> None:
    pairs = json.loads(unsearched.undrawn["comparison.json"])["pairs"]
    (pair,) = [pair for pair in pairs if pair["metric"] == "rate_held"]
    assert pair["after_interval"]["low"] == pytest.approx(1000)
    assert pair["after_interval"]["high"] is None
    assert {block["after_high"] for block in pair["blocks"]} == {None}


def test_a_plan_that_does_not_search_has_no_section(usual: Run) -> None:
    assert usual.findings.search is None
    assert "<h2>Capacity</h2>" not in usual.report
