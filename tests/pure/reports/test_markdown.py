"""The summary for CI."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.pure.reports.conftest import Run


def rows_of(markdown: str) -> list[str]:
    return [line for line in markdown.splitlines() if line.startswith("|")]


def test_the_summary_as_recorded(usual: Run, golden: Callable[[str, str], None]) -> None:
    golden("summary.md", usual.undrawn["summary.md"])


def test_every_row_of_a_table_has_as_many_cells_as_its_head(awkward: Run) -> None:
    width = 0
    for line in awkward.undrawn["summary.md"].splitlines():
        cells = len(re.findall(r"(?<!\\)\|", line)) - 1 if line.startswith("|") else 0
        assert cells in {0, width} or width == 0
        width = cells


def test_text_of_others_is_text(hostile: Run) -> None:
    markdown = hostile.undrawn["summary.md"]
    bare = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", markdown)
    assert "<script" not in bare
    assert "<b>" not in bare.replace("\\<b\\>", "")
    assert "\\<b\\>\\&" in markdown


def test_a_code_span_outlasts_the_backticks_in_it(hostile: Run) -> None:
    row = next(row for row in rows_of(hostile.undrawn["summary.md"]) if "GET /a" in row and "*d*" in row)
    assert row.startswith(r"| ``GET /a\|b`c`*d*_e_[f](g)&amp;`` |")
