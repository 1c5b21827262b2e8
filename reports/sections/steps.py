"""Attribution: the effect of each step between before and after, and a sentence for each metric."""

from collections.abc import Iterator
from typing import NamedTuple

from harness.analysis.comparison import Pair
from harness.analysis.steps import Attribution, Level, StepContribution, Waterfall, differs
from harness.metrics import Better, Metric
from harness.plan.model import Step
from harness.verdict.targets import Reason
from reports import formatting, naming
from reports.formatting import FormattedValue
from reports.sections.stages import Column, indicative
from reports.sections.targets import change_cells, too_few

TITLE = "Attribution to steps"
CAVEAT = (
    "Shares are of the logarithm of the change, because ratios multiply. They depend on the order of the steps: a "
    "cache hides the effect of an index on the queries that it saves"
)
NOT_SEEN, WORSE = "no significant difference", "worse"
TOTAL = f"before {formatting.ARROW} after"


class StepValue(NamedTuple):
    """A metric at a step: its level after it, the change by it, and the share of the whole change."""

    level: FormattedValue
    change: FormattedValue
    interval: FormattedValue
    share: FormattedValue
    note: str = ""


class StepRow(NamedTuple):
    """One step, the level of before, or the total; a value for each metric."""

    name: str
    changed: str
    values: tuple[StepValue, ...]


class StepTable(NamedTuple):
    """All steps, a sentence for each metric, and ``lead``, the index of the main metric."""

    where: str
    columns: tuple[Column, ...]
    sentences: tuple[str, ...]
    lead: int
    rows: tuple[StepRow, ...]
    title: str = TITLE
    caveat: str = CAVEAT

    @property
    def others(self) -> tuple[str, ...]:
        return tuple(text for number, text in enumerate(self.sentences) if number != self.lead)


def step_table(attribution: Attribution | None) -> StepTable | None:
    """``None`` when the run measured no steps."""
    if attribution is None:
        return None
    falls = attribution.waterfalls
    shared = [number for number, fall in enumerate(falls) if fall.contributions[0].share is not None]
    return StepTable(
        where=naming.where(attribution.chain),
        columns=tuple(Column(m.label, formatting.UNITS[m.unit]) for m in (fall.total.metric for fall in falls)),
        sentences=tuple(sentence(fall) for fall in falls),
        lead=shared[0] if shared else 0,
        rows=tuple(_rows(attribution)),
    )


def changed(step: Step) -> str:
    """The settings of a step: ``revision head, CACHE=on``."""
    parts = [f"revision {step.revision}"] if step.revision else []
    return formatting.plain(", ".join([*parts, *(f"{name}={value}" for name, value in step.env.items())]))


def note(part: StepContribution) -> str:
    """``no significant difference``, ``worse``, why there is no interval, or nothing."""
    change = part.pair.change
    if change is None:
        return ""
    if change.low is None:
        return Reason.NO_INTERVAL.value
    if not part.seen:
        return NOT_SEEN
    return "" if (change.value < 1) == (part.pair.metric.better is Better.LOWER) else WORSE


def share_text(share: float) -> str:
    """A share in whole percent: ``35 %``."""
    return f"{formatting.share(share)} %"


def sentence(fall: Waterfall) -> str:
    """The effect of all steps on a metric, the largest share first."""
    label = fall.total.metric.label
    if why := _unshared(fall):
        return f"The change of {label} is not attributed: {why}."
    shares = {part.step.name: part.share for part in fall.contributions if part.seen and part.share is not None}
    ordered = sorted(shares.items(), key=lambda item: -item[1])
    parts = [f"{name} {share_text(share)}" for name, share in ordered]
    unseen = [part.step.name for part in fall.contributions if not part.seen]
    clauses = [", ".join(parts)] if parts else []
    clauses += [f"no significant difference: {formatting.listed(unseen)}"] if unseen else []
    return f"{label} {f' {formatting.ARROW} '.join(_ends(fall))}: {'; '.join(clauses)}."


def _ends(fall: Waterfall) -> tuple[str, ...]:
    values = (fall.levels[0].value, fall.levels[-1].value)
    return tuple(formatting.with_unit(fall.total.metric, value) for value in values if value is not None)


def _unshared(fall: Waterfall) -> str:
    """Why the change has no shares; empty when it has."""
    change = fall.total.change
    if change is None:
        return change_cells(fall.total)[0].why
    if not fall.enough:
        return too_few(fall.total.metric)
    if change.low is None:
        return Reason.NO_INTERVAL.value
    if not differs(change):
        return f"no significant difference between before and after ({' and '.join(_ends(fall))})"
    for part in fall.contributions:
        if part.pair.change is None:
            return f"the effect of {part.step.name} is unknown ({change_cells(part.pair)[0].why})"
    return ""


def _rows(attribution: Attribution) -> Iterator[StepRow]:
    falls, empty = attribution.waterfalls, FormattedValue("")
    yield StepRow(
        "before", "", tuple(StepValue(_level(f.total.metric, f.levels[0]), empty, empty, empty) for f in falls)
    )
    for number, step in enumerate(attribution.chain.steps):
        yield StepRow(step.name, changed(step), tuple(_step(fall, number) for fall in falls))
    yield StepRow(TOTAL, "", tuple(_total(fall) for fall in falls))


def _step(fall: Waterfall, number: int) -> StepValue:
    part, level = fall.contributions[number], _level(fall.total.metric, fall.levels[number + 1])
    share = formatting.missing(_unshared(fall))
    if part.share is not None:
        share = FormattedValue(share_text(part.share), faint=not part.seen)
    return _value(level, part.pair, share, note(part))


def _total(fall: Waterfall) -> StepValue:
    whole = fall.contributions[0].share is not None
    share = FormattedValue("100 %") if whole else formatting.missing(_unshared(fall))
    return _value(FormattedValue(""), fall.total, share)


def _value(level: FormattedValue, pair: Pair, share: FormattedValue, noted: str = "") -> StepValue:
    few = pair.least_requests < pair.metric.min_samples
    return StepValue(level, *change_cells(pair, too_few=few), share, "" if few else noted)


def _level(metric: Metric, level: Level) -> FormattedValue:
    if level.value is None:
        return formatting.missing(Reason.NO_DATA.value)
    if level.least_requests < metric.min_samples:
        return FormattedValue("too few", Reason.TOO_FEW.value, faint=True)
    weak = level.least_requests < metric.finding_samples
    return FormattedValue(formatting.bare(metric, level.value), indicative(metric) if weak else "", faint=weak)
