"""Placebo: what a migration does beside its indexes, as statistics are taken anew and tables are tidied up.

The placebo is before with its tables vacuumed and analysed. What it changes, the indexes did not.
"""

from dataclasses import dataclass

from harness.analysis.comparison import Pair, pair_of
from harness.analysis.summary import Summary
from harness.metrics import ShownIn, shown_in
from harness.plan.model import PLACEBO


@dataclass(frozen=True, slots=True)
class Treated:
    """One metric of all requests, or of an endpoint: before against the placebo, and before against after."""

    placebo: Pair
    after: Pair


def treated(summary: Summary) -> tuple[Treated, ...]:
    """What the placebo did beside what the migration did, over all stages but ramps; empty where nobody measured it."""
    if not any(row.arm == PLACEBO for row in summary.rows):
        return ()
    endpoints = dict.fromkeys(row.endpoint for row in summary.rows if row.arm == PLACEBO and row.stage is None)
    pairs = (
        Treated(
            pair_of(summary, metric, None, endpoint, ("before", PLACEBO)),
            pair_of(summary, metric, None, endpoint),
        )
        for endpoint in sorted(endpoints, key=lambda endpoint: endpoint or "")
        for metric in shown_in(ShownIn.PLACEBO)
    )
    return tuple(
        one for one in pairs if one.placebo.change and one.placebo.least_requests >= one.placebo.metric.min_samples
    )
