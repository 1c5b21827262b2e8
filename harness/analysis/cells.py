"""Cell: the requests of one stage and endpoint of a leg, or of several legs pooled.

Counts add up and latencies are concatenated, so every percentile is one of all samples, whatever the order of parts.
Times are whole nanoseconds until the last step.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from harness.metrics import METRICS
from harness.record.samples import latency_ns, succeeded
from harness.record.trial import Trial
from harness.statistics.percentiles import percentiles
from harness.statistics.proportions import design_effect

FAILURE_WINDOW_SECONDS = 10
RADIX = 2**16  # so many codes fit in 16 bits, which NumPy sorts by radix: the same order in a tenth of the time
QUANTILES = (
    *(Fraction(q, 100) for q in range(1, 100)),
    *(Fraction(q, 1000) for q in range(991, 1000)),
    Fraction("0.9995"),
    Fraction("0.9999"),
)
REPORTED = tuple(metric for metric in METRICS.values() if metric.header)
HIT, MISS, OTHER, FAILED = KINDS = range(4)
"""The kinds of requests, successes first. A failed request is neither hit nor miss."""


@dataclass(frozen=True, slots=True)
class Reported:
    """A number in a response header: how many responses had it, and their sum."""

    answers: int
    total: float


@dataclass(frozen=True, slots=True)
class Cell:
    """The requests of one place.

    ``windows``: by block, requests and failures per window of ``FAILURE_WINDOW_SECONDS``, shape ``(2, windows)``.
    """

    counts: tuple[int, ...]  # requests of each of ``KINDS``
    latency_ns: NDArray[np.int64]  # response times of successes: hits, misses, others
    service_ns: NDArray[np.int64]  # service times in the same order
    reported: Mapping[str, Reported]  # sums of response headers, by the metric that is their mean
    windows: Mapping[int, NDArray[np.int64]]

    @property
    def requests(self) -> int:
        return sum(self.counts)

    @property
    def failures(self) -> int:
        return self.counts[FAILED]

    @property
    def successes(self) -> int:
        return self.requests - self.failures

    @property
    def hits(self) -> int:
        return self.counts[HIT]

    @property
    def lookups(self) -> int:
        """Successes with a cache hit or miss."""
        return self.counts[HIT] + self.counts[MISS]

    @property
    def hit_ns(self) -> NDArray[np.int64]:
        return self.latency_ns[: self.hits]

    @property
    def miss_ns(self) -> NDArray[np.int64]:
        return self.latency_ns[self.hits : self.lookups]

    @property
    def design_effect(self) -> float:
        """Variance inflation of the failures by their clustering in time or by leg, the larger of them; at least 1."""
        if not self.failures:
            return 1.0
        legs = [self.windows[block] for block in sorted(self.windows)]
        windows = [(int(n), int(f)) for leg in legs for n, f in leg.T]
        totals = [(int(n), int(f)) for n, f in (leg.sum(axis=1) for leg in legs)]
        return max(design_effect(windows), design_effect(totals))


def milliseconds(values: NDArray[np.int64], quantiles: Sequence[Fraction]) -> list[float | None]:
    """Percentiles of nanoseconds, in ms."""
    return [None if found is None else found / 1e6 for found in percentiles(values, quantiles)]


def cells_of(trial: Trial) -> dict[tuple[str, str], Cell]:
    """The cells of one leg by stage and endpoint, without empty ones.

    A request belongs to the stage in whose window it was due; requests due in a warm-up are left out.
    """
    position, rows = _measured(trial)
    if not len(rows):
        return {}
    stages = list(dict.fromkeys(window.stage for window in trial.generation.windows))
    stage = np.array([stages.index(window.stage) for window in trial.generation.windows])[position]
    endpoints, endpoint = _coded(trial.samples["endpoint"])
    names = [(stage, endpoint) for stage in stages for endpoint in endpoints]
    place = stage * len(endpoints) + endpoint[rows]
    return {names[place]: cell for place, cell in _cells(trial, rows, place, len(names))}


def pooled(cells: Sequence[Cell]) -> Cell:
    """Several cells of one arm as one."""
    if len(cells) == 1:
        return cells[0]
    windows: dict[int, NDArray[np.int64]] = {}
    for cell in cells:
        for block, counts in cell.windows.items():
            windows[block] = windows[block] + counts if block in windows else counts
    return Cell(
        counts=tuple(map(sum, zip(*(cell.counts for cell in cells), strict=True))),
        latency_ns=_side_by_side([(cell, cell.latency_ns) for cell in cells]),
        service_ns=_side_by_side([(cell, cell.service_ns) for cell in cells]),
        reported={name: _sum([cell.reported[name] for cell in cells]) for name in cells[0].reported},
        windows=windows,
    )


def _side_by_side(parts: Sequence[tuple[Cell, NDArray[np.int64]]]) -> NDArray[np.int64]:
    """All hits, then all misses, then all others."""
    cuts = [(values, (0, cell.hits, cell.lookups, cell.successes)) for cell, values in parts]
    return np.concatenate([values[ends[kind] : ends[kind + 1]] for kind in KINDS[:FAILED] for values, ends in cuts])


def _sum(parts: Sequence[Reported]) -> Reported:
    return Reported(sum(part.answers for part in parts), math.fsum(part.total for part in parts))


def _measured(trial: Trial) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The window index and the sample index of each measured request."""
    windows = trial.generation.windows
    if not windows:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    due = trial.samples["due_ns"].to_numpy() / 1e9
    position = np.searchsorted(np.array([window.start for window in windows]), due, side="right") - 1
    measured_from = np.array([window.measured_from for window in windows])
    rows = np.flatnonzero((position >= 0) & (due < windows[-1].end) & (due >= measured_from[position]))
    return position[rows], rows


def _cells(trial: Trial, rows: NDArray[np.int64], place: NDArray[np.int64], places: int) -> Iterator[tuple[int, Cell]]:
    samples, kind = trial.samples, kinds_of(trial.samples)[rows]
    windows = _windows(samples["due_ns"].to_numpy()[rows], place, places, kind == FAILED)
    order, starts = group_by_code(place * len(KINDS) + kind, places * len(KINDS))
    order = rows[order]
    latency, service = latency_ns(samples)[order], samples["duration_ns"].to_numpy()[order]
    columns = {metric.header: samples[metric.header].to_numpy()[order] for metric in REPORTED}
    for number in range(places):
        bounds = starts[number * len(KINDS) : (number + 1) * len(KINDS) + 1].tolist()
        if bounds[0] == bounds[-1]:
            continue
        parts = [slice(bounds[kind], bounds[kind + 1]) for kind in KINDS]
        good = slice(bounds[0], bounds[FAILED])
        cell = Cell(
            counts=tuple(part.stop - part.start for part in parts),
            latency_ns=latency[good],
            service_ns=service[good],
            reported={
                metric.name: _sum([_reported(columns[metric.header][part]) for part in among])
                for metric in REPORTED
                for among in [[parts[MISS]] if metric.of_misses else parts]
            },
            windows={trial.leg.block: windows[:, number]},
        )
        yield number, cell


def kinds_of(samples: pa.Table) -> NDArray[np.int64]:
    """The kind of each sample, one of ``KINDS``."""
    texts, code = _coded(samples["cache"])
    kind = np.array([{"hit": HIT, "miss": MISS}.get(word, OTHER) for word in texts] + [OTHER])[code]
    kind[~succeeded(samples)] = FAILED
    return kind


def _windows(
    due_ns: NDArray[np.int64], place: NDArray[np.int64], places: int, failed: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Requests and failures by place and window, shape ``(2, places, windows)``."""
    number = (due_ns / 1e9 // FAILURE_WINDOW_SECONDS).astype(np.int64)
    count = int(number.max()) + 1
    code = place * count + number
    both = [np.bincount(codes, minlength=places * count) for codes in (code, code[failed])]
    return np.array(both).reshape(2, places, count)


def _reported(values: NDArray[Any]) -> Reported:
    """The sum of the reported values; sorted first, so that the order of samples does not change rounding."""
    there = np.sort(values[~np.isnan(values)])
    return Reported(len(there), float(there.sum()))


def _coded(column: Any) -> tuple[list[str], NDArray[np.int64]]:  # noqa: ANN401 - the stubs know no dictionaries
    """The texts of a column in alphabetical order, and the index of each row's text, -1 for null."""
    array = column.combine_chunks()
    found = [str(text) for text in array.dictionary.to_pylist()]
    texts = sorted(set(found))
    codes = np.array([*(texts.index(text) for text in found), -1])
    return texts, codes[pc.fill_null(array.indices, -1).to_numpy()]


def group_by_code(codes: NDArray[np.int64], count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions ordered by their code, from 0 to ``count - 1``, equal codes in the order in which they came.

    Also where each code begins in that order and the last one ends, shape ``(count + 1,)``.
    """
    order = np.argsort(codes.astype(np.uint16) if count <= RADIX else codes, kind="stable")
    return order, np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=count))])


@dataclass(frozen=True, slots=True)
class Curve:
    """The latency curve of an arm, pooled over blocks and stages."""

    arm: str
    endpoint: str | None
    quantiles: tuple[float, ...]
    latency_ms: tuple[float, ...]


def curve_of(arm: str, endpoint: str | None, latency_ns: NDArray[np.int64]) -> Curve:
    """The curve of one or more successes of an arm."""
    supported = [q for q in QUANTILES if (1 - q) * len(latency_ns) >= 1]
    points = (ns / 1e6 for ns in percentiles(latency_ns, supported) if ns is not None)
    return Curve(arm, endpoint, tuple(map(float, supported)), tuple(points))
