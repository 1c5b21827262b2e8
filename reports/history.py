"""One metric across recorded runs, with change points, as text and as JSON."""

import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from harness.analysis.history import ChangePoint, RunSeries, change_of
from harness.metrics import Better, Scale
from harness.record.archive import HistoryQuery, SkippedRun
from harness.statistics.intervals import Interval
from reports import formatting, naming
from reports.terminal import table, written

SCHEMA = 1
MARK = "\N{BLACK LEFT-POINTING SMALL TRIANGLE} change"
NOTE = "Runs are not interleaved: these numbers include what changed on the machine between them."


def history_text(
    question: HistoryQuery,
    lines: Sequence[RunSeries],
    skipped: Sequence[SkippedRun],
    *,
    width: int = 120,
    colour: bool = False,
) -> str:
    """A table per series of comparable runs, its change points, and the skipped runs."""
    parts = [f"{question.metric.label} of {_place(question)}, {question.arm}"]
    parts += [written(_line(question, line), width=width, colour=colour) for line in lines]
    if not lines:
        parts.append("no run has this metric")
    if skipped:
        parts.append("\n".join(f"skipped  {formatting.plain(run.run)}: {formatting.plain(run.why)}" for run in skipped))
    return "\n\n".join([*parts, NOTE]) + "\n"


def history_json(question: HistoryQuery, lines: Sequence[RunSeries], skipped: Sequence[SkippedRun]) -> str:
    """The same, not rounded: values in the metric's stored unit, changes as fractions."""
    record = {
        "schema": SCHEMA,
        "metric": question.metric.name,
        "unit": question.metric.unit.value,
        "arm": question.arm,
        "stage": question.stage,
        "endpoint": question.endpoint,
        "lines": [_record(question, line) for line in lines],
        "skipped": [{"run": run.run, "why": run.why} for run in skipped],
    }
    return json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _place(question: HistoryQuery) -> str:
    return f"{naming.requests_of(question.endpoint)}, {naming.stage_of(question.stage)}"


def _line(question: HistoryQuery, line: RunSeries) -> Iterator[RenderableType]:
    yield Text(f"plan  {formatting.plain(line.plan_name)}")
    yield from (Text(f"differs from the runs above  {formatting.plain(fact)}") for fact in line.differs)
    heads = ("run", "started", question.metric.label, "95 % interval", "change", "")
    yield table(heads, _rows(question, line), numbers=range(2, 5), fixed=(1,))
    yield Padding.indent(Text("\n".join(_found(question, line))), 2)


def _found(question: HistoryQuery, line: RunSeries) -> Iterator[str]:
    """The change points, or why there are none."""
    yield from (_change_point(question, line, turn) for turn in line.turns)
    if line.missing:
        more = formatting.plural(line.missing, "more run")
        yield f"{formatting.plural(len(line.entries), 'run')}: {more} needed to find change points"
    elif not line.turns:
        yield "no change point"


def _rows(question: HistoryQuery, line: RunSeries) -> Iterator[tuple[RenderableType, ...]]:
    metric, marked = question.metric, {turn.index for turn in line.turns}
    for index, entry in enumerate(line.entries):
        change = change_of(entry, line.entries[index - 1], metric) if index else None
        bounds = None if entry.low is None or entry.high is None else Interval(entry.value, entry.low, entry.high)
        yield (
            formatting.plain(entry.run),
            formatting.moment(entry.setup.started),
            formatting.with_unit(metric, entry.value),
            formatting.value_interval(metric, bounds) if bounds else formatting.DASH,
            formatting.DASH if change is None else _change(question, change),
            Text(MARK, "yellow") if index in marked else "",
        )


def _change(question: HistoryQuery, change: float) -> str:
    return f"{formatting.in_percent(change, sign=True)} {'%' if question.metric.scale is Scale.LOG else 'pp'}"


def _change_point(question: HistoryQuery, line: RunSeries, turn: ChangePoint) -> str:
    metric = question.metric
    better = (turn.after < turn.before) == (metric.better is Better.LOWER)
    levels = f" {formatting.ARROW} ".join(formatting.with_unit(metric, value) for value in (turn.before, turn.after))
    change = _size(question, turn)
    size = f", {_change(question, change)}" if change is not None else ""
    first = formatting.plain(line.entries[turn.index].run)
    return f"change point  from {first} on: {levels}{size}, {'better' if better else 'worse'}"


def _size(question: HistoryQuery, turn: ChangePoint) -> float | None:
    if question.metric.scale is not Scale.LOG:
        return turn.after - turn.before
    return turn.after / turn.before - 1 if turn.before else None


def _record(question: HistoryQuery, line: RunSeries) -> dict[str, Any]:
    entries, metric = line.entries, question.metric
    changes = [change_of(entry, earlier, metric) for earlier, entry in pairwise(entries)]
    return {
        "plan": line.plan_name,
        "differs": list(line.differs),
        "runs_needed": line.missing,
        "runs": [
            {"run": entry.run, "started": entry.setup.started}
            | {"value": entry.value, "low": entry.low, "high": entry.high, "change": change}
            for entry, change in zip(entries, [None, *changes], strict=False)
        ],
        "change_points": [
            {"run": entries[turn.index].run, "before": turn.before, "after": turn.after}
            | {"change": _size(question, turn), "p": turn.p}
            for turn in line.turns
        ],
    }
