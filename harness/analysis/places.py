"""Place: what a row is of, the cells in it, the seconds that it covers, and the row that comes of them."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from harness.analysis.cells import Cell, milliseconds
from harness.analysis.row import Row
from harness.metrics import METRICS, Basis
from harness.plan.stages import StageKind
from harness.record.leg import Leg, Window

Cells = Mapping[tuple[str, str], Cell]
"""The cells of a leg by stage and endpoint."""


class RowPlace(NamedTuple):
    """What a row is of; ``None`` is pooled over all of them, or over the endpoints of a tag."""

    arm: str
    block: int | None
    stage: str | None
    endpoint: str | None
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class Spans:
    """The stages of all legs as they took place."""

    windows: Sequence[tuple[Leg, Window]]

    @property
    def ramps(self) -> set[str]:
        """The stages that are not pooled with the others."""
        return {window.stage for _, window in self.windows if window.kind == StageKind.RAMP}

    def seconds(self, place: RowPlace) -> float:
        """Summarised seconds of all legs and stages that a place covers."""
        ramps = self.ramps
        return math.fsum(
            window.seconds
            for leg, window in self.windows
            if leg.arm == place.arm
            and place.block in {None, leg.block}
            and (window.stage not in ramps if place.stage is None else window.stage == place.stage)
        )


def places_of(legs: Sequence[tuple[Leg, Cells]], ramps: set[str]) -> Iterator[tuple[RowPlace, list[Cell]]]:
    """Every place in which anything was requested with its cells; the most detailed places first."""
    for by_block, by_stage, by_endpoint in product((True, False), repeat=3):
        found: dict[RowPlace, list[Cell]] = {}
        for leg, cells in legs:
            for (stage, endpoint), cell in cells.items():
                if by_stage or stage not in ramps:
                    place = RowPlace(
                        leg.arm,
                        leg.block if by_block else None,
                        stage if by_stage else None,
                        endpoint if by_endpoint else None,
                    )
                    found.setdefault(place, []).append(cell)
        yield from sorted(found.items(), key=lambda item: item[0])


def row_of(cell: Cell, place: RowPlace, seconds: float) -> Row:
    """The row of the cell of a place that covers so many seconds."""
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
    means = {name: said.total / said.answers for name, said in cell.reported.items() if said.answers}
    return row.adding({**dict(_latencies(cell)), **counted, **means})


def _latencies(cell: Cell) -> Iterator[tuple[str, float]]:
    """Every statistic of latencies and service times, in ms; percentiles of the same times in one pass."""
    times = {
        (Basis.SUCCESSES, False): cell.latency_ns,
        (Basis.SUCCESSES, True): cell.service_ns,
        (Basis.HITS, False): cell.hit_ns,
        (Basis.MISSES, False): cell.miss_ns,
    }
    for key, values_ns in times.items():
        metrics = [m for m in METRICS.values() if m.latency and (m.basis, m.from_sending) == key]
        quantiles = {m.name: m.quantile for m in metrics if m.quantile is not None}
        if len(values_ns):
            yield from zip(quantiles, milliseconds(values_ns, [*quantiles.values()]), strict=True)
            yield from ((m.name, m.from_latencies(values_ns)) for m in metrics if m.from_latencies is not None)
