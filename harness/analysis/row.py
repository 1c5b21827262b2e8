"""Row: the values of every metric of one arm in one block, stage and endpoint."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.analysis.cells import Cell, milliseconds
from harness.analysis.readings import in_summary
from harness.metrics import METRICS, Basis, Metric, RequestCounts
from harness.plan.stages import StageKind
from harness.record.leg import Leg, Window
from harness.statistics.percentiles import median_unbiased


@dataclass(frozen=True, slots=True, kw_only=True)
class Row(RequestCounts):
    """The metrics of one arm in one block, stage and endpoint; ``None`` in these three means pooled.

    With a ``tag`` it pools the endpoints of that tag, and ``endpoint`` is ``None``.

    ``values``: measured metrics and plan readings by name, in their stored units.
    ``estimates``: median-unbiased percentiles of a leg by name, ms, for comparing legs; reports show ``values``.
    ``upper_ends``: upper ends of brackets from a capacity search, by name; infinite for lower bounds.
    """

    arm: str
    block: int | None
    stage: str | None
    endpoint: str | None
    tag: str | None = None
    design_effect: float = 1.0  # at least 1; divides the counts of failures
    values: Mapping[str, float] = field(default_factory=dict)
    estimates: Mapping[str, float] = field(default_factory=dict)
    lower_bounds: frozenset[str] = frozenset()  # names of values that are lower bounds
    upper_ends: Mapping[str, float] = field(default_factory=dict)

    def value(self, metric: str) -> float | None:
        return self.values.get(metric)

    def estimate(self, metric: str) -> float | None:
        """The value for comparing legs, which does not depend on their number of requests."""
        return self.estimates.get(metric, self.values.get(metric))

    def at_least(self, metric: Metric) -> bool:
        return metric.name in self.lower_bounds

    def highest(self, metric: Metric) -> float | None:
        """The upper end of a bracket, infinite for a lower bound; ``None`` without a bracket."""
        return self.upper_ends.get(metric.name)

    def adding(self, values: Mapping[str, float]) -> "Row":
        return replace(self, values={**self.values, **values})


Cells = Mapping[tuple[str, str], Cell]  # the cells of a leg by stage and endpoint


class RowPlace(NamedTuple):
    """The place of a row; ``None`` is pooled, over all or over the endpoints of a tag."""

    arm: str
    block: int | None
    stage: str | None
    endpoint: str | None
    tag: str | None = None


def seconds_of(windows: Iterable[tuple[Leg, Window]], place: RowPlace) -> float:
    """Summarised seconds of all legs and stages of a place."""
    own = (window for leg, window in windows if leg.arm == place.arm and place.block in {None, leg.block})
    return math.fsum(window.seconds for window in own if in_summary(window, place.stage))


def places_of(
    legs: Sequence[tuple[Leg, Cells]], windows: Iterable[tuple[Leg, Window]]
) -> Iterator[tuple[RowPlace, list[Cell]]]:
    """Every place with requests and its cells; the most detailed places first."""
    ramps = {window.stage for _, window in windows if window.kind == StageKind.RAMP}
    for by_block, by_stage, by_endpoint in product((True, False), repeat=3):
        found: dict[RowPlace, list[Cell]] = {}
        for leg, cells in legs:
            for (stage, endpoint), cell in cells.items():
                if by_stage or stage not in ramps:
                    block = leg.block if by_block else None
                    place = RowPlace(leg.arm, block, stage if by_stage else None, endpoint if by_endpoint else None)
                    found.setdefault(place, []).append(cell)
        yield from sorted(found.items(), key=lambda item: item[0])


def row_of(cell: Cell, place: RowPlace, seconds: float) -> Row:
    """The row of a cell whose place has ``seconds``."""
    row = Row(
        **place._asdict(),
        requests=cell.requests,
        failures=cell.failures,
        hits=cell.hits,
        lookups=cell.lookups,
        seconds=seconds,
        design_effect=cell.design_effect,
    )
    counted = {m.name: value for m in METRICS.values() if m.from_counts and (value := m.from_counts(row)) is not None}
    means = {name: reported.total / reported.answers for name, reported in cell.reported.items() if reported.answers}
    row = row.adding({**dict(_latencies(cell)), **counted, **means})
    return row if place.block is None else replace(row, estimates=dict(_estimates(cell)))


def _latencies(cell: Cell) -> Iterator[tuple[str, float]]:
    """Every statistic of response and service times, in ms; percentiles of the same times in one pass."""
    for values_ns, metrics in _times(cell):
        quantiles = _quantiles(metrics)
        yield from zip(quantiles, milliseconds(values_ns, [*quantiles.values()]), strict=True)
        yield from ((m.name, m.from_latencies(values_ns)) for m in metrics if m.from_latencies is not None)


def _estimates(cell: Cell) -> Iterator[tuple[str, float]]:
    """The median-unbiased percentiles of response and service times, in ms."""
    for values_ns, metrics in _times(cell):
        quantiles = _quantiles(metrics)
        found = median_unbiased(values_ns, [*quantiles.values()])
        yield from ((name, ns / 1e6) for name, ns in zip(quantiles, found, strict=True))


def _times(cell: Cell) -> Iterator[tuple[NDArray[np.int64], list[Metric]]]:
    """Response and service times of a cell, in ns, with the metrics that are statistics of them; none empty."""
    times = {
        (Basis.SUCCESSES, False): cell.latency_ns,
        (Basis.SUCCESSES, True): cell.service_ns,
        (Basis.HITS, False): cell.hit_ns,
        (Basis.MISSES, False): cell.miss_ns,
    }
    for key, values_ns in times.items():
        if len(values_ns):
            yield values_ns, [m for m in METRICS.values() if m.latency and (m.basis, m.from_sending) == key]


def _quantiles(metrics: Sequence[Metric]) -> dict[str, Fraction]:
    return {metric.name: metric.quantile for metric in metrics if metric.quantile is not None}
