"""A/A noise: the noise floor of a machine, from before and its identical control arm."""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from harness.analysis.comparison import compare
from harness.analysis.summary import Summary
from harness.finding import Finding
from harness.metrics import Metric, Origin, Scale
from harness.plan.model import CONTROL
from harness.plan.targets import Target
from harness.record.noise import ComparisonPlace, Noise, NoiseRatios
from harness.statistics.intervals import Interval, t_interval
from harness.statistics.percentiles import tolerance_rank

MIN_PAIRS = 59
"""The smallest n with 1 - 0.95^n >= 0.95: the largest of n values is a 95 % upper bound of the 95th percentile."""


@dataclass(frozen=True, slots=True)
class Floor:
    """The noise floor of a metric."""

    value: float  # as a fraction: with 0.06, ratios of 1.06 and 1 / 1.06 are within the noise
    spread: float  # standard deviation of the log ratios about zero
    pairs: int  # number of pairs of before and control

    @property
    def provisional(self) -> bool:
        """Whether there are too few pairs for 95 % confidence."""
        return self.pairs < MIN_PAIRS


def differences_of(summary: Summary) -> tuple[NoiseRatios, ...]:
    """The log ratios of before and control in a run; empty without a control arm.

    Only for metrics compared as ratios, where each leg has enough samples and no value is 0.
    """
    if not any(facts.leg.arm == CONTROL for facts in summary.legs):
        return ()
    found = compare(summary, after=CONTROL)
    return tuple(
        NoiseRatios(pair.metric.name, pair.stage, pair.endpoint, tuple(b.log_ratio for b in pair.blocks), pair.tag)
        for pair in (*found.pairs, *found.tagged)
        if has_floor(pair.metric)
        and len(pair.blocks) == len(summary.blocks)
        and pair.least_requests >= pair.metric.min_samples
        and all(min(block.before, block.after) > 0 for block in pair.blocks)
    )


def floors_of(differences: Iterable[NoiseRatios]) -> dict[ComparisonPlace, "Floor"]:
    """The noise floor of each place."""
    together: dict[ComparisonPlace, list[float]] = {}
    for difference in differences:
        together.setdefault(difference.place, []).extend(difference.ratios)
    floors = {place: floor_of(ratios) for place, ratios in together.items()}
    return {place: floor for place, floor in floors.items() if floor}


def place_of(target: Target) -> ComparisonPlace:
    """The place of a target's metric."""
    return ComparisonPlace(target.expectation.metric.name, target.stage, target.endpoint, target.tag)


def control_findings(
    own: Iterable[NoiseRatios], known: Mapping[ComparisonPlace, Floor], places: Collection[ComparisonPlace]
) -> Iterator[Finding]:
    """Significant differences between before and control beyond the known noise floor.

    Only in ``places``, and where the noise floor is not provisional.
    """
    for difference in own:
        floor, ratio = known.get(difference.place), t_interval(difference.ratios)
        known_here = floor and not floor.provisional and difference.place in places
        if floor and ratio and known_here and max(ratio.low, -ratio.high) > math.log1p(floor.value):
            yield _unequal(difference.place, ratio, floor)


def _unequal(place: ComparisonPlace, ratio: Interval, floor: Floor) -> Finding:
    where = " of ".join(part for part in (place.metric, place.stage, place.endpoint, place.tag) if part)
    low, high = (f"{(math.exp(bound) - 1) * 100:+.1f}" for bound in (ratio.low, ratio.high))
    known = f"{floor.value * 100:.1f} % in {floor.pairs} pairs"
    return Finding(
        "ARMS_UNEQUAL",
        f"control is before once more and differs from it: {where} by {low} to {high} % (known are {known})",
        "something else was at work on this machine, or not alike for both: look for it, and run the plan again",
    )


def earlier_differences(noise: Noise | None) -> list[NoiseRatios]:
    """The A/A differences of earlier runs."""
    return [difference for run in noise.runs for difference in run.differences] if noise else []


def known_floors(noise: Noise | None, summary: Summary) -> dict[ComparisonPlace, "Floor"]:
    """The noise floors from earlier runs and the control arm of this run together."""
    return floors_of([*earlier_differences(noise), *differences_of(summary)])


def floor_of(ratios: Iterable[float]) -> Floor | None:
    """The noise floor from log ratios; ``None`` without any.

    A 95 % upper bound of the 95th percentile of their absolute values, the r-th largest with r from ``tolerance_rank``;
    with fewer than ``MIN_PAIRS`` the largest.
    """
    sizes = np.abs(np.fromiter(ratios, dtype=np.float64))
    if not len(sizes):
        return None
    bound = np.sort(sizes)[-max(tolerance_rank(len(sizes)), 1)]
    return Floor(math.expm1(float(bound)), float(np.sqrt(np.mean(sizes**2))), len(sizes))


def has_floor(metric: Metric) -> bool:
    """Whether a metric has a noise floor: compared as a ratio, and measured under load in every leg."""
    return metric.scale is Scale.LOG and (metric.origin is Origin.REQUESTS or metric.origin.from_probes)
