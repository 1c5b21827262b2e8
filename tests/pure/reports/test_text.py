"""The verdict for a terminal."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import pytest
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.pure.reports.conftest import Run


def columns_of(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in {"W", "F"} else 1 for c in line)


@pytest.mark.parametrize(("width", "ascii_only"), [(120, False), (80, True), (80, False)])
def test_the_verdict_as_recorded(
    usual: Run, golden: Callable[[str, str], None], width: int, *, ascii_only: bool
) -> None:
    kind = "ascii" if ascii_only else "unicode"
    golden(f"verdict-{width}-{kind}.txt", usual.text(width, ascii_only=ascii_only) + "\n")


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_no_line_is_wider_than_the_terminal(awkward: Run, width: int) -> None:
    assert [line for line in awkward.text(width).splitlines() if columns_of(line) > width] == []


@pytest.mark.parametrize("width", [80, 100])
def test_ascii_is_ascii_and_as_narrow(awkward: Run, width: int) -> None:
    text = awkward.text(width, ascii_only=True)
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= width


def test_columns_are_aligned(usual: Run) -> None:
    head, *rows = usual.text(120).splitlines()[2:]
    end = head.index("95 % interval") + len("95 % interval")
    table = [row for row in rows if row.startswith(("  ✓", "  ✗", "  ?"))]
    assert len(table) == len(usual.verdict.checks)
    assert {len(row) for row in table} == {end}


def test_the_outcome_comes_first(awkward: Run) -> None:
    assert awkward.text(100).startswith(f"{awkward.verdict.outcome.value}  ")


def test_what_does_not_hold_says_why_under_it(usual: Run) -> None:
    lines = usual.text(200).splitlines()
    failed = next(i for i, line in enumerate(lines) if line.startswith("  ✗"))
    assert lines[failed + 1].strip() == "the whole interval misses the target"
    undecided = next(i for i, line in enumerate(lines) if line.startswith("  ?"))
    assert lines[undecided + 1].strip().endswith("would decide; after 0 … 0.0413 %")


def test_a_narrower_terminal_gets_eighty_columns(usual: Run) -> None:
    assert usual.text(40) == usual.text(80)


def test_colour_is_added_only_where_it_is_asked_for_and_changes_no_text(usual: Run) -> None:
    bare, coloured = (usual.text(100, colour=colour) for colour in (False, True))
    assert "\x1b" not in bare
    assert "\x1b[1;31mFAIL\x1b[0m" in coloured
    assert [line.rstrip() for line in Text.from_ansi(coloured).plain.splitlines()] == bare.splitlines()


def test_caveats_follow_with_their_advice(usual: Run) -> None:
    text = " ".join(usual.text(200).split())
    for caveat in usual.verdict.caveats:
        assert f"{caveat.seen}; {caveat.advice}" in text


def test_what_broke_the_measurement_is_said(awkward_runs: dict[str, Run]) -> None:
    assert "\nbroken  no block was completed; run the plan again\n" in awkward_runs["nothing measured"].text(100)


def test_no_escape_sequence_gets_through(hostile: Run) -> None:
    text = hostile.text(100)
    assert not [c for c in text if unicodedata.category(c) in {"Cc", "Cf"} and c != "\n"]
