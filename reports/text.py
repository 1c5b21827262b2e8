"""Text: the verdict for a terminal or a log, columns aligned, wrapped to the width it is given.

A string in, a string out: colour, if any, is the business of whoever prints it.
"""

import textwrap
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from reports.answers import AnswerTable
from reports.page import Findings
from reports.steps import CAVEAT, TITLE, StepTable, StepValue
from reports.targets import Remark, TargetRow

HEADS = ("target", "before", "after", "change", "95 % interval")
LEAD = "  {}   "
LEAD_WIDTH = 6
GAP = 3
LEAST_TARGET_WIDTH = 24
LEAST_WIDTH = 40
SPREAD = 5
DIFFERENCES = 5
ASCII = str.maketrans(
    {
        "\N{CHECK MARK}": "+",
        "\N{BALLOT X}": "x",
        "\N{MINUS SIGN}": "-",
        "\N{HORIZONTAL ELLIPSIS}": "..",
        "\N{EM DASH}": "-",
        "\N{MIDDLE DOT}": "/",
        "\N{ALMOST EQUAL TO}": "~",
        "\N{RIGHTWARDS ARROW}": "->",
        "\N{GREATER-THAN OR EQUAL TO}": ">=",
    }
)


def to_text(findings: Findings, *, width: int, ascii_only: bool = False) -> str:
    """The verdict, its targets and its doubts, without a trailing newline.

    Args:
        findings: what came out, in strings.
        width: columns of the terminal; below 40 it is taken as 40.
        ascii_only: for streams that cannot encode more than ASCII; what has no ASCII form becomes ``?``.
    """
    layout = _Layout(max(width, LEAST_WIDTH), ascii_only=ascii_only)
    return "\n".join(line.rstrip() for line in layout.lines(findings))


class _Layout:
    def __init__(self, width: int, *, ascii_only: bool) -> None:
        self.width = width
        self.ascii_only = ascii_only

    def lines(self, findings: Findings) -> Iterator[str]:
        yield from self._head(findings)
        if findings.targets:
            yield from self._targets(findings.targets)
        if findings.answers:
            yield from self._answers(findings.answers)
        if findings.claims:
            yield f"claims {self._plain(findings.claims)}"
        if findings.causes:
            yield from self._sentences("why", [row.line for row in findings.causes])
        if findings.migration:
            yield from self._sentences("migration under load", [findings.migration])
        if findings.steps:
            yield from self._steps(findings.steps)
        if findings.search:
            yield from self._sentences("capacity", [findings.search.sentence])
        if findings.arrivals:
            yield from self._sentences("arrivals", findings.arrivals.sentences)
        if findings.faults:
            yield from self._sentences("faults", [row.sentence for row in findings.faults])
        yield from self._remarks("broken", findings.breaches)
        yield from self._remarks("ended early", findings.stops)
        yield from self._remarks("doubt", findings.remarks)

    def _plain(self, text: str) -> str:
        """Translated before anything is measured: replacements differ in width."""
        return text.translate(ASCII).encode("ascii", "replace").decode("ascii") if self.ascii_only else text

    def _head(self, findings: Findings) -> Iterator[str]:
        parts = [self._plain(part) for part in (f"{findings.outcome}  {findings.tally}", findings.name, findings.scope)]
        line = (" " * SPREAD).join(parts)
        if _width(line) <= self.width:
            yield line
            return
        yield parts[0]
        for part in parts[1:]:
            yield from _wrapped(part, self.width, "  ")

    def _targets(self, rows: Sequence[TargetRow]) -> Iterator[str]:
        values = [tuple(self._plain(text) for text in _values(row)) for row in rows]
        widths = [max(map(_width, column)) for column in zip(HEADS[1:], *values, strict=True)]
        names = [self._plain(f"{row.expect}  ({row.narrowed})" if row.narrowed else row.expect) for row in rows]
        room = self.width - LEAD_WIDTH - sum(width + GAP for width in widths)
        if room < LEAST_TARGET_WIDTH:
            yield from self._stacked(rows, names, values)
            return
        column = min(room, max(map(_width, (HEADS[0], *names))))
        yield " " * LEAD_WIDTH + _line(HEADS[0], HEADS[1:], column, widths)
        for row, name, value in zip(rows, names, values, strict=True):
            first, *more = _wrapped(name, column, "") or [""]
            yield LEAD.format(self._plain(row.mark)) + _line(first, value, column, widths)
            yield from (" " * LEAD_WIDTH + line for line in more)
            yield from self._reason(row)

    def _stacked(
        self, rows: Sequence[TargetRow], names: Sequence[str], values: Sequence[tuple[str, ...]]
    ) -> Iterator[str]:
        """For narrow terminals: the target on its own line, its numbers under it."""
        for row, name, (before, after, change, interval) in zip(rows, names, values, strict=True):
            first, *more = _wrapped(name, self.width - LEAD_WIDTH, "") or [""]
            yield LEAD.format(self._plain(row.mark)) + first
            yield from (" " * LEAD_WIDTH + line for line in more)
            arrow = self._plain("\N{RIGHTWARDS ARROW}")
            yield from _wrapped(f"{before} {arrow} {after}, {change} ({interval})", self.width, " " * LEAD_WIDTH)
            yield from self._reason(row)

    def _reason(self, row: TargetRow) -> Iterator[str]:
        """What does not hold says why, and with which interval when a limit was judged."""
        if row.outcome == "PASS":
            return
        judged = f"; after {row.after_interval}" if row.after_interval and row.absolute else ""
        yield from _wrapped(self._plain(row.reason + judged), self.width, " " * (LEAD_WIDTH + 2))

    def _answers(self, table: AnswerTable) -> Iterator[str]:
        """What the answers came to, and the first differences."""
        yield from _wrapped(self._plain(f"answers {table.mark} {table.outcome}  {table.sentence}"), self.width, "")
        for text in (table.advice, *(row.sentence for row in table.differences[:DIFFERENCES])):
            if text:
                first, *more = _wrapped(self._plain(text), self.width - LEAD_WIDTH - 2, "")
                yield " " * LEAD_WIDTH + first
                yield from (" " * (LEAD_WIDTH + 2) + line for line in more)

    def _steps(self, steps: StepTable) -> Iterator[str]:
        """The metric that says most as a table when it fits, and a sentence for each."""
        yield from _wrapped(self._plain(f"{TITLE}: {steps.sentences[steps.lead]}"), self.width, "")
        column = steps.columns[steps.lead]
        heads = ("step", f"{column.label}, {column.unit}".rstrip(", "), *HEADS[3:], "share", "")
        rows = [heads, *((row.name, *_step_values(row.values[steps.lead])) for row in steps.rows)]
        table = [tuple(self._plain(text) for text in row) for row in rows]
        name, *widths, note_width = [max(map(_width, cells)) for cells in zip(*table, strict=True)]
        room = self.width - LEAD_WIDTH - name - sum(width + GAP for width in widths)
        for head, *values, note in table if room >= 0 else ():
            beside = room >= GAP + note_width
            yield " " * LEAD_WIDTH + _line(head, values, name, widths) + (" " * GAP + note if beside else "")
            if note and not beside:
                yield " " * (LEAD_WIDTH + 2) + note
        for text in (*steps.others, f"Over {steps.where}. {CAVEAT}."):
            yield from _wrapped(self._plain(text), self.width, " " * LEAD_WIDTH)

    def _sentences(self, title: str, texts: Iterable[str]) -> Iterator[str]:
        """What a table would say, a line for each row."""
        yield title
        for text in texts:
            first, *more = _wrapped(self._plain(text), self.width - LEAD_WIDTH - 2, "")
            yield " " * LEAD_WIDTH + first
            yield from (" " * (LEAD_WIDTH + 2) + line for line in more)

    def _remarks(self, label: str, remarks: Iterable[Remark]) -> Iterator[str]:
        for remark in remarks:
            about = f" (target {', '.join(map(str, remark.about))})" if remark.about else ""
            text = self._plain(f"{remark.what}{about}; {remark.advice}")
            first, *more = _wrapped(text, self.width - len(label) - 2, "")
            yield f"{label}  {first}"
            yield from (" " * (len(label) + 2) + line for line in more)


def _step_values(value: StepValue) -> tuple[str, ...]:
    return value.level.text, value.change.text, value.interval.text, value.share.text, value.note


def _values(row: TargetRow) -> tuple[str, str, str, str]:
    return row.before.text, row.after.text, row.change.text, row.interval.text


def _line(name: str, values: Sequence[str], column: int, widths: Sequence[int]) -> str:
    cells = (" " * (GAP + width - _width(value)) + value for value, width in zip(values, widths, strict=True))
    return name + " " * (column - _width(name)) + "".join(cells)


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    """Lines of at most ``width`` columns; words that are longer are broken."""
    if _width(text) == len(text):
        return textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent)
    # Wide characters: a line of half as many characters never overflows.
    return textwrap.wrap(text, max(width // 2, len(indent) + 1), initial_indent=indent, subsequent_indent=indent)


def _width(text: str) -> int:
    """Columns that a terminal uses for a text."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in {"W", "F"} else 1 for c in text
    )
