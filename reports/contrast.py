"""Contrast: one arm of two runs side by side, as text."""

from collections.abc import Iterator

from harness.comparison import Comparison, Pair
from harness.metric import LATENCIES
from reports import view

SHOWN = ("p50", "p95", "p99", "rps", "error_rate", "cache_hit_rate", "queries_per_miss", "users_held", "rate_held")
HEADS = ("", "old", "new", "change", "95 % interval")
NOTE = "Sequential and unpaired: what changed on the host between the runs is in these differences too."


def side_by_side(comparison: Comparison, *, arm: str) -> str:
    """A table per endpoint over all stages but ramps; a metric without enough samples says so."""
    blocks: list[str] = []
    endpoints = {pair.endpoint for pair in comparison.pairs if pair.stage is None}
    for endpoint in sorted(endpoints, key=lambda name: name or ""):
        rows = [(f"{endpoint or 'all requests'} ({arm})", *HEADS[1:]), *_rows(comparison, endpoint)]
        widths = [max(len(row[i]) for row in rows) for i in range(len(HEADS))]
        lines = [
            "   ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
            for row in rows
        ]
        blocks.append("\n".join(line.rstrip() for line in lines))
    return "\n\n".join([*blocks, NOTE])


def _rows(comparison: Comparison, endpoint: str | None) -> Iterator[tuple[str, ...]]:
    for name in SHOWN:
        pair = comparison.pair(name, None, endpoint)
        if pair and (pair.before is not None or pair.after is not None):
            yield (f"  {pair.metric.label}", *_values(pair))


def _values(pair: Pair) -> tuple[str, ...]:
    old, new = view.levels(pair)
    if pair.metric.name in LATENCIES and pair.least_requests < pair.metric.least:
        return old, new, "too few", "\N{EM DASH}"
    if pair.change is None:
        return old, new, "\N{EM DASH}", "\N{EM DASH}"
    return old, new, view.change_with_unit(pair.change), view.change_interval(pair.change) or "\N{EM DASH}"
