"""Placebo: the effect of fresh planner statistics and vacuumed tables, without the migration.

The placebo arm is before with its tables vacuumed and analysed.
"""

from dataclasses import dataclass

from harness.analysis.comparison import Pair, pair_of
from harness.analysis.summary import Summary
from harness.metrics import ShownIn, shown_in
from harness.plan.model import PLACEBO


@dataclass(frozen=True, slots=True)
class PlaceboEffect:
    """One metric, pooled or of an endpoint: before against placebo, and before against after."""

    placebo: Pair
    after: Pair


def placebo_effects(summary: Summary) -> tuple[PlaceboEffect, ...]:
    """The effects of placebo and migration over all stages except ramps; empty without a placebo arm."""
    if not any(row.arm == PLACEBO for row in summary.rows):
        return ()
    endpoints = dict.fromkeys(row.endpoint for row in summary.rows if row.arm == PLACEBO and row.stage is None)
    pairs = (
        PlaceboEffect(
            pair_of(summary, metric, None, endpoint, ("before", PLACEBO)),
            pair_of(summary, metric, None, endpoint),
        )
        for endpoint in sorted(endpoints, key=lambda endpoint: endpoint or "")
        for metric in shown_in(ShownIn.PLACEBO)
    )
    return tuple(
        one for one in pairs if one.placebo.change and one.placebo.least_requests >= one.placebo.metric.min_samples
    )
