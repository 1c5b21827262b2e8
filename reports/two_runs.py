"""Contrast: one arm of two runs side by side, as text."""

from collections.abc import Iterator, Sequence

from harness.analysis.comparison import Comparison, Pair
from harness.metrics import ShownIn, shown_in
from harness.verdict.outcomes import Outcomes, RowOutcome
from reports import formatting
from reports.terminal import table, written

HEADS = ("old", "new", "change", "95 % interval", "shows")
NOTE = "Sequential and unpaired: what changed on the host between the runs is in these differences too."
FORCED = "FORCED: these runs do not measure the same thing; what differs is in every number below."
BROKEN = "BROKEN: a measurement cannot be used, so nothing below shows anything."


def side_by_side(
    comparison: Comparison,
    outcomes: Outcomes,
    *,
    arm: str,
    differing: Sequence[str] = (),
    broken: Sequence[str] = (),
    width: int = 120,
) -> str:
    """A table per endpoint over all stages but ramps, and under them why nothing can be told.

    Args:
        comparison: the two runs.
        outcomes: what each row of them shows.
        arm: which arm of both it is.
        differing: facts that differ, although the comparison was asked for: they are said first, and once more last.
        broken: guards that broke in either run.
        width: columns of the terminal.
    """
    blocks = [label for label in (_label(FORCED, "differs", differing), _label(BROKEN, "broken", broken)) if label]
    endpoints = {pair.endpoint for pair in comparison.pairs if pair.stage is None}
    for endpoint in sorted(endpoints, key=lambda name: name or ""):
        heads = (f"{formatting.plain(endpoint) if endpoint else 'all requests'} ({arm})", *HEADS)
        rows = table(heads, _rows(comparison, outcomes, endpoint), numbers=range(1, 5), indent=0)
        blocks.append(written([rows], width=width))
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
    """Why rows cannot tell, each reason once."""
    endpoints = {pair.endpoint for pair in comparison.pairs}
    shown = [
        pair for endpoint in sorted(endpoints, key=lambda name: name or "") for pair in _shown(comparison, endpoint)
    ]
    findings = [outcomes.of(pair) for pair in shown]
    reasons = dict.fromkeys(f.reason.value for f in findings if f.reason and f.outcome is RowOutcome.INCONCLUSIVE)
    return [f"Cannot tell: {reason}." for reason in reasons]


def _values(pair: Pair) -> tuple[str, ...]:
    old, new = formatting.levels(pair)
    if pair.metric.latency and pair.least_requests < pair.metric.min_samples:
        return old, new, "too few", "\N{EM DASH}"
    if pair.change is None:
        return old, new, "\N{EM DASH}", "\N{EM DASH}"
    return old, new, formatting.change_with_unit(pair.change), formatting.change_interval(pair.change) or "\N{EM DASH}"
