"""Steps: which step between before and after did what, as rows of strings and a sentence for each metric."""

from collections.abc import Iterator
from dataclasses import dataclass

from harness.analysis.steps import Attribution, Level, StepContribution, Waterfall, differs
from harness.metrics import Better, Metric
from harness.plan.model import Step
from harness.verdict.checks import Reason
from reports import formatting
from reports.formatting import FormattedValue
from reports.sections.stages import Column, descriptive
from reports.sections.targets import change_cell, interval_cell, too_few

TITLE = "Which step did it"
CAVEAT = (
    "Shares are of the logarithm of the change, since ratios multiply, and they belong to this order of the steps: "
    "a cache hides what an index does to the queries it saves, so in another order the same steps share differently"
)
NOT_SEEN, WORSE = "no difference seen", "worse"
TOTAL = "before \N{RIGHTWARDS ARROW} after"


@dataclass(frozen=True, slots=True)
class StepValue:
    """A metric at a step: where it stands after it, what the step changed, and which part of the whole that is."""

    level: FormattedValue
    change: FormattedValue
    interval: FormattedValue
    share: FormattedValue
    note: str = ""


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step, before the first of them, or the whole way; a value for each metric."""

    name: str
    changed: str
    values: tuple[StepValue, ...]


@dataclass(frozen=True, slots=True)
class StepTable:
    """The way from before to after: a sentence for each metric, and ``lead``, the number of the one that says most."""

    where: str
    columns: tuple[Column, ...]
    sentences: tuple[str, ...]
    lead: int
    rows: tuple[StepRow, ...]

    @property
    def others(self) -> tuple[str, ...]:
        """The sentences of the other metrics."""
        return tuple(text for number, text in enumerate(self.sentences) if number != self.lead)


def step_table(attribution: Attribution | None) -> StepTable | None:
    """The steps of a run in strings; ``None`` when it measured none."""
    if attribution is None:
        return None
    falls = attribution.waterfalls
    told = [number for number, fall in enumerate(falls) if fall.contributions[0].share is not None]
    return StepTable(
        where=formatting.where(attribution.chain),
        columns=tuple(Column(m.label, formatting.UNITS[m.unit]) for m in (fall.total.metric for fall in falls)),
        sentences=tuple(sentence(fall) for fall in falls),
        lead=told[0] if told else 0,
        rows=tuple(_rows(attribution)),
    )


def changed(step: Step) -> str:
    """What a step changes: ``revision head, CACHE=on``."""
    parts = [f"revision {step.revision}"] if step.revision else []
    return formatting.plain(", ".join([*parts, *(f"{name}={value}" for name, value in step.env.items())]))


def note(part: StepContribution) -> str:
    """What is to be said of a step beside its numbers: that nothing was seen of it, or that it made things worse."""
    change = part.pair.change
    if change is None:
        return ""
    if change.low is None:
        return Reason.NO_INTERVAL.value
    if not part.seen:
        return NOT_SEEN
    return "" if (change.value < 1) == (part.pair.metric.better is Better.LOWER) else WORSE


def share_text(share: float) -> str:
    """A share with its sign for percent."""
    return f"{formatting.share(share)} %"


def sentence(fall: Waterfall) -> str:
    """What the steps did to a metric, in plain words: the largest share first, then what was not seen."""
    label = fall.total.metric.label
    if why := _unsaid(fall):
        return f"The change of {label} is not shared out: {why}."
    shares = {part.step.name: part.share for part in fall.contributions if part.seen and part.share is not None}
    ordered = sorted(shares.items(), key=lambda item: -item[1])
    came = [f"{share_text(share)} with {name}" for name, share in ordered if share > 0]
    against = [f"{name} ({share_text(share)})" for name, share in reversed(ordered) if share <= 0]
    unseen = [part.step.name for part in fall.contributions if not part.seen]
    clauses = [f"{formatting.listed(came).replace(' with', ' came with', 1)}"] if came else []
    clauses += [f"{formatting.listed(against)} worked against it"] if against else []
    clauses += [f"no difference was seen from {formatting.listed(unseen)}"] if unseen else []
    return f"Of the change of {label} from {' to '.join(_ends(fall))}, {'; '.join(clauses)}."


def _ends(fall: Waterfall) -> tuple[str, ...]:
    values = (fall.levels[0].value, fall.levels[-1].value)
    return tuple(formatting.with_unit(fall.total.metric, value) for value in values if value is not None)


def _unsaid(fall: Waterfall) -> str:
    """Why there is nothing to share out; empty when there is."""
    change = fall.total.change
    if change is None:
        return change_cell(fall.total).why
    if not fall.enough:
        return too_few(fall.total.metric)
    if change.low is None:
        return Reason.NO_INTERVAL.value
    if not differs(change):
        return f"no difference was seen between before and after ({' and '.join(_ends(fall))})"
    for part in fall.contributions:
        if part.pair.change is None:
            return f"nothing can be said of {part.step.name} ({change_cell(part.pair).why})"
    return ""


def _rows(attribution: Attribution) -> Iterator[StepRow]:
    falls = attribution.waterfalls
    yield StepRow("before", "", tuple(_start(fall) for fall in falls))
    for number, step in enumerate(attribution.chain.steps):
        yield StepRow(step.name, changed(step), tuple(_value(fall, number) for fall in falls))
    yield StepRow(TOTAL, "", tuple(_total(fall) for fall in falls))


def _start(fall: Waterfall) -> StepValue:
    return StepValue(
        _level(fall.total.metric, fall.levels[0]), FormattedValue(""), FormattedValue(""), FormattedValue("")
    )


def _value(fall: Waterfall, number: int) -> StepValue:
    part, level, metric = fall.contributions[number], fall.levels[number + 1], fall.total.metric
    few = part.pair.least_requests < metric.min_samples
    return StepValue(
        level=_level(metric, level),
        change=change_cell(part.pair, too_few=few),
        interval=interval_cell(part.pair, too_few=few),
        share=_share(fall, part),
        note="" if few else note(part),
    )


def _total(fall: Waterfall) -> StepValue:
    few = fall.total.least_requests < fall.total.metric.min_samples
    whole = fall.contributions[0].share is not None
    return StepValue(
        level=FormattedValue(""),
        change=change_cell(fall.total, too_few=few),
        interval=interval_cell(fall.total, too_few=few),
        share=FormattedValue("100 %") if whole else formatting.missing(_unsaid(fall)),
    )


def _share(fall: Waterfall, part: StepContribution) -> FormattedValue:
    if part.share is None:
        return formatting.missing(_unsaid(fall))
    return FormattedValue(share_text(part.share), faint=not part.seen)


def _level(metric: Metric, level: Level) -> FormattedValue:
    if level.value is None:
        return formatting.missing(Reason.NO_DATA.value)
    if level.least_requests < metric.min_samples:
        return FormattedValue("too few", Reason.TOO_FEW.value, faint=True)
    weak = level.least_requests < metric.finding_samples
    return FormattedValue(formatting.bare(metric, level.value), descriptive(metric) if weak else "", faint=weak)
