"""The verdict as text, for a terminal or a log."""

from collections.abc import Callable, Iterator, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from reports.page import VerdictPage
from reports.sections.answers import AnswerTable
from reports.sections.steps import StepTable
from reports.sections.targets import Remark, TargetRow
from reports.terminal import STYLES, listed, table, to_ascii, written

HEADS = ("target", "before", "after", "change", "95 % interval")
DIFFERENCES = 5
BULLET = "    -"

Write = Callable[[str], str]
"""Converts a text to the characters of the stream, before widths are measured."""


def to_text(findings: VerdictPage, *, width: int, ascii_only: bool = False, colour: bool = False) -> str:
    """The verdict, its targets, causes and caveats in at least 80 columns, without a trailing newline.

    ``ascii_only`` replaces other characters, by ``?`` where they have no ASCII form.
    """
    return written(_blocks(findings, to_ascii if ascii_only else str), width=width, colour=colour)


def _blocks(findings: VerdictPage, write: Write) -> Iterator[RenderableType]:
    yield Text.assemble((findings.outcome, STYLES[findings.outcome]), write(f"  {findings.tally}"))
    yield Padding.indent(Text(write(f"{findings.name} \N{MIDDLE DOT} {findings.scope}")), 2)
    if findings.targets:
        yield _targets(findings.targets, write)
    if findings.answers:
        yield from _answers(findings.answers, write)
    if findings.claims:
        yield Text(write(f"claims {findings.claims}"))
    yield from _section("why", [row.line for row in findings.causes], write)
    yield from _section("migration under load", [findings.migration] if findings.migration else [], write)
    if findings.steps:
        yield from _steps(findings.steps, write)
    yield from _section("capacity", [findings.search.sentence] if findings.search else [], write)
    if arrivals := findings.arrivals:
        yield from _section("arrivals", [*(row.sentence for row in arrivals.rows), arrivals.lags], write)
    yield from _section("faults", [row.sentence for row in findings.faults], write)
    for label, remarks, style in (
        ("broken", findings.breaches, "red"),
        ("aborted", findings.stops, "red"),
        ("caveat", findings.remarks, "yellow"),
    ):
        if remarks:
            yield listed(label, [write(_remark(remark)) for remark in remarks], style=style)


def _section(title: str, texts: Sequence[str], write: Write) -> Iterator[RenderableType]:
    if texts:
        yield Text(title)
        yield listed(BULLET, map(write, texts))


def _targets(rows: Sequence[TargetRow], write: Write) -> RenderableType:
    cells = (
        [Text(write(row.mark), STYLES[row.outcome]), _target(row, write)]
        + [write(cell.text) for cell in (row.before, row.after, row.change, row.interval)]
        for row in rows
    )
    return table(("", *HEADS), cells, numbers=range(2, 6))


def _target(row: TargetRow, write: Write) -> RenderableType:
    """A target; unless it passed with its reason, and with the interval of after for a limit."""
    name = Text(write(f"{row.expect}  ({row.narrowed})" if row.narrowed else row.expect))
    if row.outcome == "PASS":
        return name
    judged = f"; after {row.after_interval}" if row.after_interval and row.absolute else ""
    return Group(name, Padding.indent(Text(write(row.reason + judged), "dim"), 2))


def _answers(found: AnswerTable, write: Write) -> Iterator[RenderableType]:
    outcome = (write(f"{found.mark} {found.outcome}"), STYLES[found.outcome])
    yield Text.assemble("responses ", outcome, write(f"  {found.sentence}"))
    texts = (found.advice, *(row.sentence for row in found.differences[:DIFFERENCES]))
    yield listed(BULLET, [write(text) for text in texts if text])


def _steps(steps: StepTable, write: Write) -> Iterator[RenderableType]:
    yield Text(write(f"{steps.title}: {steps.sentences[steps.lead]}"))
    column = steps.columns[steps.lead]
    heads = ("step", column.head, *HEADS[3:], "share", "")
    rows = [(row.name, row.values[steps.lead]) for row in steps.rows]
    cells = ((name, v.level.text, v.change.text, v.interval.text, v.share.text, v.note) for name, v in rows)
    yield table(heads, (tuple(map(write, row)) for row in cells), numbers=range(1, 5), indent=4)
    yield listed(BULLET, map(write, (*steps.others, f"Over {steps.where}. {steps.caveat}.")))


def _remark(remark: Remark) -> str:
    about = f" (target {', '.join(map(str, remark.about))})" if remark.about else ""
    return f"{remark.what}{about}; {remark.advice}"
