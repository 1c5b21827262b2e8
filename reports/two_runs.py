"""One arm of two runs side by side, as text."""

from collections.abc import Iterator, Sequence

from harness.analysis.comparison import Comparison, Pair
from harness.metrics import ShownIn, shown_in
from harness.verdict.outcomes import Outcomes, RowOutcome
from reports import formatting, naming
from reports.terminal import table, written

HEADS = ("old", "new", "change", "95 % interval", "shows")
NOTE = "Sequential and unpaired: these differences include what changed on the machine between the runs."
FORCED = "FORCED: these runs are not comparable; the differences below affect all numbers."
BROKEN = "BROKEN: a measurement is INVALID; no row below is a result."


def side_by_side(
    comparison: Comparison,
    outcomes: Outcomes,
    *,
    arm: str,
    differing: Sequence[str] = (),
    broken: Sequence[str] = (),
    width: int = 120,
) -> str:
    """A table per endpoint over all stages except ramps, then the reasons of inconclusive rows.

    ``differing`` are facts that differ although the comparison was forced, ``broken`` the broken guards of either run.
    """
    blocks = [label for label in (_label(FORCED, "differs", differing), _label(BROKEN, "broken", broken)) if label]
    endpoints = {pair.endpoint for pair in comparison.pairs if pair.stage is None}
    for endpoint in sorted(endpoints, key=lambda name: name or ""):
        title = f"{naming.requests_of(endpoint)} ({arm})"
        rows = table(("", *HEADS), _rows(comparison, outcomes, endpoint), numbers=range(1, 5), indent=0)
        blocks.append(written([title, rows], width=width))
    notes = [NOTE, *_reasons(comparison, outcomes), *([FORCED] if differing else [])]
    return "\n\n".join([*blocks, "\n".join(notes)])


def _label(title: str, word: str, facts: Sequence[str]) -> str:
    return "\n".join([title, *(f"{word}  {formatting.plain(fact)}" for fact in facts)]) if facts else ""


def _rows(comparison: Comparison, outcomes: Outcomes, endpoint: str | None) -> Iterator[tuple[str, ...]]:
    for pair in _shown(comparison, endpoint):
        yield (f"  {pair.metric.label}", *_values(pair), outcomes.of(pair).outcome.value)


def _shown(comparison: Comparison, endpoint: str | None) -> Iterator[Pair]:
    for metric in shown_in(ShownIn.RUNS):
        pair = comparison.pair(metric.name, None, endpoint)
        if pair and (pair.before is not None or pair.after is not None):
            yield pair


def _reasons(comparison: Comparison, outcomes: Outcomes) -> list[str]:
    endpoints = sorted({pair.endpoint for pair in comparison.pairs}, key=lambda name: name or "")
    rows = [outcomes.of(pair) for endpoint in endpoints for pair in _shown(comparison, endpoint)]
    inconclusive = [row for row in rows if row.reason and row.outcome is RowOutcome.INCONCLUSIVE]
    reasons = dict.fromkeys(f"{row.outcome.value}: {row.reason.value}" for row in inconclusive if row.reason)
    return [f"{formatting.capitalised(reason)}." for reason in reasons]


def _values(pair: Pair) -> tuple[str, ...]:
    old, new = formatting.levels(pair)
    if pair.metric.latency and pair.least_requests < pair.metric.min_samples:
        return old, new, "too few", formatting.DASH
    if pair.change is None:
        return old, new, formatting.DASH, formatting.DASH
    interval = formatting.change_interval(pair.change) or formatting.DASH
    return old, new, formatting.change_with_unit(pair.change), interval
