"""Outcomes: what a row of the comparison shows, in words."""

from dataclasses import dataclass

from harness.analysis.comparison import Pair
from harness.metrics import Metric, Scale
from harness.plan.judgement import Judgement
from harness.verdict.outcomes import JudgedRow, Outcomes, RowOutcome
from reports import formatting


@dataclass(frozen=True, slots=True)
class OutcomeCell:
    """A finding for a narrow column: the outcome, under it what would have been seen, all of it in words, why not."""

    text: str = ""
    sub: str = ""
    words: str = ""
    why: str = ""
    kind: str = ""


def outcome_cell(outcomes: Outcomes, pair: Pair | None) -> OutcomeCell:
    """The finding of a pair; empty where there is no value either."""
    if pair is None or pair.before is pair.after is None:
        return OutcomeCell()
    finding = outcomes.of(pair)
    untold = finding.outcome is RowOutcome.INCONCLUSIVE and finding.reason is None and finding.detectable is not None
    return OutcomeCell(
        text=finding.outcome.value,
        sub=f"below {_size(pair.metric, finding.detectable)}" if untold and finding.detectable is not None else "",
        words=words(pair.metric, finding),
        why=finding.reason.value if finding.reason else "",
        kind=finding.outcome.name.lower(),
    )


def words(metric: Metric, finding: JudgedRow) -> str:
    """A finding in a few words: ``cannot tell; a change of 9 % would have been seen``."""
    match finding.outcome:
        case RowOutcome.EQUIVALENT:
            return f"equivalent within \N{PLUS-MINUS SIGN}{_size(metric, finding.minimum_effect)}"
        case RowOutcome.INCONCLUSIVE if finding.reason:
            return f"cannot tell: {finding.reason.value}"
        case RowOutcome.INCONCLUSIVE if finding.detectable is not None:
            return f"cannot tell; a change of {_size(metric, finding.detectable)} would have been seen"
        case outcome:
            return outcome.value


def what_counts(judgement: Judgement) -> str:
    """The smallest changes that count: ``5 %, for the error rate 0.1 pt, for P99 10 %``."""
    others = (f"for {m.label} {_size(m, judgement.smallest(m))}" for m in judgement.exceptions)
    return ", ".join([formatting.plain(judgement.effect), *others])


def _size(metric: Metric, fraction: float) -> str:
    return f"{formatting.rough(fraction * 100)} {'%' if metric.scale is Scale.LOG else 'pt'}"
