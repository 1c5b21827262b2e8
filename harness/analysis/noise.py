"""Noise: how much two equal arms differ on this machine, from before and its copy, the control arm.

A change smaller than that cannot be told from none, however narrow its interval is.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from harness.analysis.comparison import compare
from harness.analysis.summary import Summary
from harness.finding import Finding
from harness.metrics import Metric, Origin, Scale
from harness.plan.model import CONTROL
from harness.plan.targets import Target
from harness.record.noise import ComparisonPlace, Noise, NoiseRatios
from harness.statistics.intervals import Interval, t_interval
from harness.statistics.percentiles import percentile

PAIRS_FOR_A_FLOOR = 59
"""The least n with 1 - 0.95^n >= 0.95: the largest of so many bounds the 95th percentile, at 95 % confidence."""


@dataclass(frozen=True, slots=True)
class Floor:
    """What two equal arms differed by.

    Attributes:
        value: as a fraction: 0.06 says that a ratio of 1.06 or of 1 / 1.06 is nothing unusual.
        spread: standard deviation of the log ratios about zero.
        pairs: legs of before and control behind it.
    """

    value: float
    spread: float
    pairs: int

    @property
    def provisional(self) -> bool:
        """Whether there are too few pairs to state it at 95 % confidence."""
        return self.pairs < PAIRS_FOR_A_FLOOR


def differences_of(summary: Summary) -> tuple[NoiseRatios, ...]:
    """The log ratios of before and control in a run; empty when it has no control arm.

    Of metrics that are compared as ratios, where each leg has the samples that they need and no value is 0.
    """
    if not any(facts.leg.arm == CONTROL for facts in summary.legs):
        return ()
    found = compare(summary, after=CONTROL)
    return tuple(
        NoiseRatios(
            pair.metric.name,
            pair.stage,
            pair.endpoint,
            tuple(math.log(b.after / b.before) for b in pair.blocks),
            pair.tag,
        )
        for pair in (*found.pairs, *found.tagged)
        if has_floor(pair.metric)
        and len(pair.blocks) == len(summary.blocks)
        and pair.least_requests >= pair.metric.min_samples
        and all(min(block.before, block.after) > 0 for block in pair.blocks)
    )


def floors_of(differences: Iterable[NoiseRatios]) -> dict[ComparisonPlace, "Floor"]:
    """The floor of each place that anything is known of."""
    together: dict[ComparisonPlace, list[float]] = {}
    for difference in differences:
        together.setdefault(difference.place, []).extend(difference.ratios)
    floors = {place: floor_of(ratios) for place, ratios in together.items()}
    return {place: floor for place, floor in floors.items() if floor}


def place_of(target: Target) -> ComparisonPlace:
    """What a target speaks of."""
    return ComparisonPlace(target.expectation.metric.name, target.stage, target.endpoint, target.tag)


def unequal_arms(
    own: Iterable[NoiseRatios], known: Mapping[ComparisonPlace, Floor], places: Collection[ComparisonPlace]
) -> Iterator[Finding]:
    """Where before and control of a run differ, in the whole 95 % interval, beyond what earlier runs say of equal arms.

    Only of the places that matter, and where the floor is more than provisional.
    """
    for difference in own:
        floor, ratio = known.get(difference.place), t_interval(difference.ratios)
        if floor and ratio and not floor.provisional and difference.place in places:
            nearest = max(ratio.low, -ratio.high)
            if nearest > math.log1p(floor.value):
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
    """What earlier runs on this machine measured of equal arms."""
    return [difference for run in noise.runs for difference in run.differences] if noise else []


def known_floors(noise: Noise | None, summary: Summary) -> dict[ComparisonPlace, "Floor"]:
    """The floors that earlier runs on this machine and the control arm of this one leave together."""
    return floors_of([*earlier_differences(noise), *differences_of(summary)])


def floor_of(ratios: Iterable[float]) -> Floor | None:
    """The floor that log ratios of equal arms leave; ``None`` for none.

    The 95th percentile of their absolute values; with fewer than ``PAIRS_FOR_A_FLOOR`` of them the largest one.
    Source: Wilks (1941) for the number of pairs at which the largest is a bound at 95/95.
    """
    sizes = np.abs(np.fromiter(ratios, dtype=np.float64))
    if not len(sizes):
        return None
    quantile = Fraction(95, 100) if len(sizes) >= PAIRS_FOR_A_FLOOR else Fraction(1)
    largest = percentile(sizes, quantile) or 0.0
    return Floor(math.expm1(largest), float(np.sqrt(np.mean(sizes**2))), len(sizes))


def has_floor(metric: Metric) -> bool:
    """Whether a metric is one that floors are known of: compared as a ratio, and measured in every leg's load."""
    return metric.scale is Scale.LOG and (metric.origin is Origin.REQUESTS or metric.origin.from_probes)
