"""What a row of the comparison shows: improved, regressed, equivalent or inconclusive, in words."""

from typing import NamedTuple

from harness.analysis.comparison import Pair
from harness.metrics import Metric, Scale
from harness.plan.judgement import Judgement
from harness.verdict.outcomes import JudgedRow, Outcomes, RowOutcome
from reports import formatting


class OutcomeCell(NamedTuple):
    """An outcome: ``sub`` is the minimum detectable effect, ``words`` the whole of it, ``kind`` a CSS class."""

    text: str = ""
    sub: str = ""
    words: str = ""
    why: str = ""
    kind: str = ""


def outcome_cell(outcomes: Outcomes, pair: Pair | None) -> OutcomeCell:
    """The outcome of a pair; empty where neither arm has a value."""
    if pair is None or pair.before is pair.after is None:
        return OutcomeCell()
    row = outcomes.of(pair)
    detectable = row.detectable if row.outcome is RowOutcome.INCONCLUSIVE and row.reason is None else None
    return OutcomeCell(
        text=row.outcome.value,
        sub=f"MDE {_size(pair.metric, detectable)}" if detectable is not None else "",
        words=words(pair.metric, row),
        why=row.reason.value if row.reason else "",
        kind=row.outcome.name.lower(),
    )


def words(metric: Metric, row: JudgedRow) -> str:
    """An outcome with its numbers: ``inconclusive; minimum detectable effect 9 % (80 % power)``."""
    match row.outcome:
        case RowOutcome.EQUIVALENT:
            return f"equivalent within ±{_size(metric, row.minimum_effect)}"
        case RowOutcome.INCONCLUSIVE if row.reason:
            return f"{row.outcome.value}: {row.reason.value}"
        case RowOutcome.INCONCLUSIVE if row.detectable is not None:
            return f"{row.outcome.value}; minimum detectable effect {_size(metric, row.detectable)} (80 % power)"
        case outcome:
            return outcome.value


def minimum_effects(judgement: Judgement) -> str:
    """The minimum effects of a plan: ``5 %, for the error rate 0.1 pp, for P99 10 %``."""
    others = (f"for {m.label} {_size(m, judgement.smallest(m))}" for m in judgement.exceptions)
    return ", ".join([formatting.plain(judgement.effect), *others])


def _size(metric: Metric, fraction: float) -> str:
    return f"{formatting.rough(fraction * 100)} {'%' if metric.scale is Scale.LOG else 'pp'}"
