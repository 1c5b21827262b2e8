"""Markdown: the summary for a CI step or a pull request, in GitHub's flavour."""

import re
from collections.abc import Iterable, Iterator, Sequence

from reports.answers import AnswerTable, DifferenceRow
from reports.arrivals import ArrivalRow, ArrivalTable
from reports.causes import TITLE as CAUSES_TITLE
from reports.claims import ClaimRow
from reports.faults import ABOUT, FaultRow
from reports.indexes import IndexTable
from reports.page import MigrationRow, Page
from reports.rehearsal import TITLE as REHEARSAL_TITLE
from reports.rehearsal import RehearsalSection
from reports.stages import EndpointRow
from reports.statements import StatementRow, StatementTable
from reports.steps import CAVEAT, TITLE, StepRow, StepTable, StepValue
from reports.targets import Remark, TargetRow

SPECIAL = re.compile(r"([\\`*_\[\]<>|~#&$])")
FAULTS = (
    "fault",
    "at",
    "arm",
    "failed",
    "first failure after",
    "detected after",
    "signal back after",
    "recovered after",
)
MOST_STATEMENTS, STATEMENT_LENGTH = 5, 120
ARRIVALS = ("arm", "stage", "rate", "planned", "begun", "begun %", "late", "dropped", "most users at work")


def to_markdown(page: Page) -> str:
    """The verdict, its targets, doubts, and all endpoints over all stages."""
    return "\n".join(_lines(page)) + "\n"


def _lines(page: Page) -> Iterator[str]:
    yield f"## {page.findings.mark} {_escaped(page.findings.headline)}"
    yield ""
    yield f"**{_escaped(page.findings.name)}** · {_escaped(page.findings.scope)} · started {_escaped(page.started)}"
    if page.findings.finding:
        yield from ("", _escaped(page.findings.finding))
    if page.findings.targets:
        yield ""
        yield from _table(
            ("", "target", "where", "before", "after", "change", "95 % interval", "why"),
            (_target(row) for row in page.findings.targets),
            right=range(3, 7),
        )
    yield from _answers(page.findings.answers)
    yield from _why(page)
    if page.claims:
        yield from ("", f"**Claims**: {_escaped(page.findings.claims)}", "")
        named = ("claim", "what was said", "claimed", "measured", "")
        yield from _table(named, (_claim(row) for row in page.claims), right=range(0))
    yield from _statements(page.statements)
    if page.findings.steps:
        yield from _steps(page.findings.steps)
    if page.findings.search:
        yield from ("", f"**Capacity**: {_escaped(page.findings.search.sentence)}.")
    if page.findings.arrivals:
        yield from _arrivals(page.findings.arrivals)
    if page.findings.faults:
        yield from _faults(page.findings.faults)
    yield from _rehearsal(page.rehearsal)
    yield from _remarks("The measurement broke", page.findings.breaches)
    yield from _remarks("The run was ended early", page.findings.stops)
    yield from _indexes(page.indexes)
    yield from _remarks("Doubts", page.findings.remarks)
    yield from _selftest(page.selftest)
    if page.names_services:
        yield from ("", "<details><summary>Migrations of the services</summary>", "")
        titles = ("arm", "service", "revision", "took", "size after", "growth", "indexes created")
        yield from _table(titles, (_migration(row) for row in page.migrations), right=range(3, 6))
        yield from ("", "</details>")
    if page.stages and page.stages[0].pooled:
        yield from ("", "<details><summary>Endpoints, all stages but ramps (before → after)</summary>", "")
        untold = _untold(page.stages[0].rows)
        chosen = [i for i, column in enumerate(page.columns) if column.brief]
        heads = (f"{page.columns[i].label}, {page.columns[i].unit}".rstrip(", ") for i in chosen)
        heads = (head.replace("req/s, req/s", "req/s") for head in heads)
        yield from _table(
            ("endpoint", *heads),
            (_endpoint(row, chosen, said=not untold) for row in page.stages[0].rows),
            right=range(1, 1 + len(chosen)),
        )
        yield from (
            "",
            *([f"No change can be told from none: {_escaped(untold)}.", ""] if untold else []),
            "</details>",
        )


def _why(page: Page) -> Iterator[str]:
    if page.findings.causes:
        yield from ("", f"**{CAUSES_TITLE}**", "")
        yield from (f"- {_escaped(row.line)}" for row in page.findings.causes)
    if page.bottlenecks:
        yield from ("", f"**Bottlenecks**: {_escaped(page.bottlenecks.sentence)}")


def _indexes(table: IndexTable | None) -> Iterator[str]:
    """What is wrong with indexes; nothing where nothing is."""
    if table and table.alerts:
        yield from ("", "**Indexes**", "", *(f"- {_escaped(alert)}" for alert in table.alerts))


def _rehearsal(tried: RehearsalSection | None) -> Iterator[str]:
    """What the migration costs while it runs, and what is not as before once it is rolled back."""
    if tried is None:
        return
    yield from ("", f"**{REHEARSAL_TITLE}**: {_escaped(tried.sentence)}")
    if tried.differences:
        yield ""
        rows = ((_code(what), _code(before), _code(after)) for what, before, after in tried.differences)
        yield from _table(("not as before", "before", "rolled back"), rows, right=range(0))
    yield from (f"*{_escaped(note)}*" for note in tried.notes)


def _selftest(said: str) -> Iterator[str]:
    if said:
        yield from ("", f"**Selftest of this machine**: {_escaped(said)}")


def _migration(row: MigrationRow) -> Sequence[str]:
    indexes = ", ".join(map(_code, row.indexes)) or "none"
    values = (row.arm, row.service, row.revision, row.seconds, row.size_after.text, row.growth.text)
    return (*map(_escaped, values), indexes)


def _target(row: TargetRow) -> Sequence[str]:
    after = f"{row.after.text} ({row.after_interval})" if row.after_interval else row.after.text
    mark = f"{row.mark} {row.outcome}"
    values = (row.before.text, after, row.change.text, row.interval.text, row.reason)
    return (mark, _code(row.expect), _escaped(row.where), *map(_escaped, values))


def _claim(row: ClaimRow) -> Sequence[str]:
    measured = []
    for part in row.measured:
        values = f"{part.before.text} → {part.after.text}, {part.change.text} ({part.interval.text})"
        measured.append(f"{_code(part.expect)} {_escaped(values)}")
    said = (_escaped(row.id), _escaped(row.says), _escaped(row.claimed))
    return (*said, "<br>".join(measured) or _escaped(row.unmeasured), f"{row.mark} {row.holding}")


def _endpoint(row: EndpointRow, chosen: Sequence[int], *, said: bool) -> Sequence[str]:
    return (_code(row.endpoint), *(_cell(row, column, said=said) for column in chosen))


def _cell(row: EndpointRow, column: int, *, said: bool) -> str:
    """Before and after, and under them what the change shows, where that is to be said."""
    values = _escaped(f"{row.before[column].text} → {row.after[column].text}")
    shown = row.outcome[column].words if said else ""
    return f"{values}<br>{_escaped(shown)}" if shown else values


def _untold(rows: Sequence[EndpointRow]) -> str:
    """The one reason why no row at all can tell; empty where some can, or for different reasons."""
    whys = {cell.why for row in rows for cell in row.outcome if cell.words}
    return whys.pop() if len(whys) == 1 else ""


def _statements(table: StatementTable | None) -> Iterator[str]:
    """What was slow, and the statements that took most time for a request."""
    if table is None:
        return
    yield from ("", f"**Statements**: {_escaped(table.slow)}", "")
    titles = ("statement", "ms per request", "executions per request", "")
    yield from _table(titles, (_statement(row) for row in table.rows[:MOST_STATEMENTS]), right=range(1, 3))


def _statement(row: StatementRow) -> tuple[str, ...]:
    text = row.text if len(row.text) <= STATEMENT_LENGTH else f"{row.text[:STATEMENT_LENGTH]}\N{HORIZONTAL ELLIPSIS}"
    sides = ((row.before.ms.text, row.after.ms.text), (row.before.calls.text, row.after.calls.text))
    return (_escaped(text), *(" → ".join(side) for side in sides), _escaped(row.what))


def _answers(table: AnswerTable | None) -> Iterator[str]:
    """What the answers came to, and the first differences as a table; nothing where they were not compared."""
    if table is None:
        return
    yield from ("", f"**Answers** {table.mark} {table.outcome}: {_escaped(table.sentence)}.")
    if table.advice:
        yield f"*{_escaped(table.advice[:1].upper() + table.advice[1:])}.*"
    if table.differences:
        yield ""
        heads = ("request", "", "where", "before", "after", "")
        yield from _table(heads, (_difference(row) for row in table.differences), right=range(1))
    if table.more:
        yield from ("", f"*{_escaped(table.more)}*")


def _difference(row: DifferenceRow) -> Sequence[str]:
    return (_escaped(row.n), *map(_code, (row.request, row.where, row.before, row.after)), _escaped(row.note))


def _steps(steps: StepTable) -> Iterator[str]:
    """The metric that says most as a table, the others as sentences."""
    column = steps.columns[steps.lead]
    yield from ("", f"**{TITLE}**: {_escaped(steps.sentences[steps.lead])}", "")
    heads = ("step", "changed", f"{column.label}, {column.unit}".rstrip(", "), "change", "95 % interval", "share", "")
    yield from _table(heads, (_step(row, row.values[steps.lead]) for row in steps.rows), right=range(2, 6))
    yield from ("", *(f"{_escaped(text)}  " for text in steps.others), f"*Over {_escaped(steps.where)}. {CAVEAT}.*")


def _arrivals(table: ArrivalTable) -> Iterator[str]:
    yield from ("", "**Arrivals**", "")
    yield from _table(ARRIVALS, (_arrival(row) for row in table.rows), right=range(2, 9))
    yield from ("", f"*{_escaped(table.lags[:1].upper() + table.lags[1:])}.*")


def _faults(rows: Sequence[FaultRow]) -> Iterator[str]:
    yield from ("", "**Faults**", "")
    yield from _table(FAULTS, (_fault(row) for row in rows), right=range(3, 8))
    yield from ("", f"*{_escaped(ABOUT)}*")


def _fault(row: FaultRow) -> Sequence[str]:
    cells = (row.failed.text, row.detected.text, row.calmed.text, row.recovered.text)
    return tuple(map(_escaped, (row.what, row.at, row.arm, row.failures, *cells)))


def _arrival(row: ArrivalRow) -> Sequence[str]:
    values = (
        row.arm,
        row.stage,
        f"{row.rate}/s",
        row.planned,
        row.started,
        row.share,
        row.late,
        row.dropped,
        row.users,
    )
    return tuple(map(_escaped, values))


def _step(row: StepRow, value: StepValue) -> Sequence[str]:
    cells = (value.level.text, value.change.text, value.interval.text, value.share.text, value.note)
    return (_escaped(row.name), _code(row.changed) if row.changed else "", *map(_escaped, cells))


def _remarks(title: str, remarks: Iterable[Remark]) -> Iterator[str]:
    lines = [
        f"- {_escaped(remark.what)}{_about(remark)}. *{_escaped(remark.advice[:1].upper() + remark.advice[1:])}.*"
        for remark in remarks
    ]
    if lines:
        yield from ("", f"**{title}**", "", *lines)


def _about(remark: Remark) -> str:
    return f" (target {', '.join(map(str, remark.about))})" if remark.about else ""


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], right: range) -> Iterator[str]:
    yield _row(heads)
    yield _row(["--:" if index in right else ":--" for index in range(len(heads))])
    yield from (_row(row) for row in rows)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(text: str) -> str:
    return SPECIAL.sub(r"\\\1", text)


def _code(text: str) -> str:
    """A code span whose fence is longer than any run of backticks in it; pipes end table cells even there."""
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}".replace("|", r"\|")
