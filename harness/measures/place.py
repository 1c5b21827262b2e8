"""Place: what a row is of, the cells in it, the seconds that it covers, and the row that comes of them."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any, NamedTuple

from harness.leg import Leg, Window
from harness.measures.cell import Cell, milliseconds
from harness.measures.row import Row
from harness.metric import PERCENTILES, SERVICE_TIMES
from harness.parts.stage import StageKind

Cells = Mapping[tuple[str, str], Cell]
"""The cells of a leg by stage and endpoint."""


class Place(NamedTuple):
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

    def seconds(self, place: Place) -> float:
        """Summarised seconds of all legs and stages that a place covers."""
        ramps = self.ramps
        return math.fsum(
            window.seconds
            for leg, window in self.windows
            if leg.arm == place.arm
            and place.block in {None, leg.block}
            and (window.stage not in ramps if place.stage is None else window.stage == place.stage)
        )


def places_of(legs: Sequence[tuple[Leg, Cells]], ramps: set[str]) -> Iterator[tuple[Place, list[Cell]]]:
    """Every place in which anything was requested with its cells; the most detailed places first."""
    for by_block, by_stage, by_endpoint in product((True, False), repeat=3):
        found: dict[Place, list[Cell]] = {}
        for leg, cells in legs:
            for (stage, endpoint), cell in cells.items():
                if by_stage or stage not in ramps:
                    place = Place(
                        leg.arm,
                        leg.block if by_block else None,
                        stage if by_stage else None,
                        endpoint if by_endpoint else None,
                    )
                    found.setdefault(place, []).append(cell)
        yield from sorted(found.items(), key=lambda item: item[0])


def row_of(cell: Cell, place: Place, seconds: float) -> Row:
    """The row of the cell of a place that covers so many seconds."""
    *latencies, max_ms = milliseconds(cell.latency_ns, [*PERCENTILES.values(), Fraction(1)])
    services = milliseconds(cell.service_ns, list(SERVICE_TIMES.values()))
    percentiles: dict[str, Any] = dict(
        zip((f"{name}_ms" for name in (*PERCENTILES, *SERVICE_TIMES)), (*latencies, *services), strict=True)
    )
    return Row(
        **place._asdict(),
        requests=cell.requests,
        failures=cell.failures,
        **percentiles,
        hit_p50_ms=milliseconds(cell.hit_ns, [PERCENTILES["p50"]])[0],
        miss_p50_ms=milliseconds(cell.miss_ns, [PERCENTILES["p50"]])[0],
        max_ms=max_ms,
        mean_ms=cell.mean_ms,
        rps=cell.successes / seconds,
        error_rate=cell.failures / cell.requests,
        cache_hit_rate=cell.hits / cell.lookups if cell.lookups else None,
        queries_per_request=cell.queries.mean,
        queries_per_miss=cell.miss_queries.mean,
        db_ms_per_request=cell.db_ms.mean,
        db_ms_per_miss=cell.miss_db_ms.mean,
        hits=cell.hits,
        lookups=cell.lookups,
        seconds=seconds,
        design_effect=cell.design_effect,
    )
