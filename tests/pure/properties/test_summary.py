"""Whatever was recorded, and in any order: every number of a summary is that of a plain sort and sum."""

import math
import random
from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.cells import FAILED, HIT, KINDS, MISS, Cell, milliseconds, pooled
from harness.analysis.row import Row
from harness.analysis.summary import Summary, summarise
from harness.metrics import METRICS, PERCENTILES
from harness.record.generation import Generation
from harness.record.leg import Leg, Window
from harness.record.samples import SCHEMA
from harness.record.trial import Trial
from harness.statistics.proportions import design_effect
from tests.examples import examples

Sample = dict[str, Any]
ENDPOINTS = ("GET /a", "GET /b/{id}", "POST /a")
WINDOWS = (
    Window("ramp", "ramp", 0.0, 0.0, 3.0, 5),
    Window("peak", "peak", 3.0, 4.5, 13.0, 5),
    Window("sustain", "sustain", 13.0, 14.0, 33.7, 5),
)
SECONDS = {"ramp": 3.0, "peak": 8.5, "sustain": 33.7 - 14.0}
SERVICE_TIMES = {m.name: m.quantile for m in METRICS.values() if m.quantile is not None and m.from_sending}
FLOATS = ("db_ms_per_request", "db_ms_per_miss", "mean_ms", "rps", "seconds", "design_effect")
"""Sums of floating-point numbers, of which plain Python may differ in the last digit."""


def recorded(chance: random.Random, size: int, grain_ns: int) -> list[Sample]:
    """Some samples; the coarser the grain of their times, the more of them are equal."""

    def sample() -> Sample:
        due = chance.choice((chance.randrange(36 * 10**9), round(chance.choice((3, 4.5, 13, 14, 33.7)) * 10**9)))
        answered = chance.random() < 0.8
        return {
            "due_ns": due,
            "sent_ns": due + chance.choice((0, chance.randrange(10**9))),
            "duration_ns": chance.randrange(10**10) // grain_ns * grain_ns,
            "endpoint": chance.choice(ENDPOINTS),
            "status": 200 if answered else 0,
            "size_bytes": 1,
            "error": None if answered else chance.choice(("HTTP 500", "timeout")),
            "cache": chance.choice((None, "hit", "miss", "bypass")),
            "queries": chance.choice((None, chance.randrange(20))),
            "db_ms": chance.choice((None, chance.expovariate(0.1))),
        }

    return [sample() for _ in range(size)]


def trial_of(leg: Leg, samples: Sequence[Sample], chunks: int = 1) -> Trial:
    """A leg that recorded some samples, in so many chunks, each with dictionaries of its own."""
    length = max(1, -(-len(samples) // chunks))
    parts = [samples[start : start + length] for start in range(0, len(samples), length)]
    tables = [
        pa.table([pa.array([s[f.name] for s in part]).cast(f.type) for f in SCHEMA], schema=SCHEMA) for part in parts
    ]
    generation = Generation("2026-01-02T03:04:05+00:00", len(samples), 0.1, 1.0, WINDOWS)
    table = pa.concat_tables([SCHEMA.empty_table(), *tables]).unify_dictionaries()
    return Trial(leg, generation, table, pa.table({n: pa.array([]) for n in ("at_ns", "source", "name", "value")}))


def rank(values: Sequence[int], quantile: Fraction) -> float | None:
    return sorted(values)[math.ceil(quantile * len(values)) - 1] / 1e6 if values else None


def mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def latency_of(sample: Sample) -> int:
    return int(sample["sent_ns"] - sample["due_ns"] + sample["duration_ns"])


def stage_of(sample: Sample) -> str | None:
    second = sample["due_ns"] / 1e9
    return next((w.stage for w in WINDOWS if w.start <= second < w.end and second >= w.measured_from), None)


def expected(run: Sequence[tuple[Leg, Sequence[Sample]]]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """What belongs into the rows, by arm, block, stage and endpoint."""
    found = defaultdict(list)
    for leg, samples in run:
        for sample in samples:
            stage = stage_of(sample)
            for block, of_stage, endpoint in product((leg.block, None), (stage, None), (sample["endpoint"], None)):
                if stage and (of_stage or stage != "ramp"):
                    found[leg.arm, block, of_stage, endpoint].append((leg.block, sample))
    legs = [leg for leg, _ in run]
    return {place: row_of(place, cell, legs) for place, cell in found.items()}


def row_of(place: tuple[Any, ...], cell: Sequence[tuple[int, Sample]], legs: Sequence[Leg]) -> dict[str, Any]:
    arm, block, stage, endpoint = place
    good = [s for _, s in cell if s["error"] is None]
    hits, misses = ([s for s in good if s["cache"] == word] for word in ("hit", "miss"))
    latency, hit, miss = (
        [s["sent_ns"] - s["due_ns"] + s["duration_ns"] for s in part] for part in (good, hits, misses)
    )
    service = [s["duration_ns"] for s in good]
    seconds = sum(leg.arm == arm and block in {None, leg.block} for leg in legs) * (
        SECONDS[stage] if stage else SECONDS["peak"] + SECONDS["sustain"]
    )
    ticks: dict[Any, list[int]] = defaultdict(lambda: [0, 0])
    of_legs: dict[Any, list[int]] = defaultdict(lambda: [0, 0])
    for number, sample in cell:
        for counts in (ticks[number, sample["due_ns"] // 10**10], of_legs[number]):
            counts[0] += 1
            counts[1] += sample["error"] is not None
    return {
        "arm": arm,
        "block": block,
        "stage": stage,
        "endpoint": endpoint,
        "requests": len(cell),
        "failures": len(cell) - len(good),
        **{f"{name}_ms": rank(latency, quantile) for name, quantile in PERCENTILES.items()},
        **{f"{name}_ms": rank(service, quantile) for name, quantile in SERVICE_TIMES.items()},
        "hit_p50_ms": rank(hit, Fraction(1, 2)),
        "miss_p50_ms": rank(miss, Fraction(1, 2)),
        "max_ms": max(latency) / 1e6 if latency else None,
        "mean_ms": mean([ns / 1e6 for ns in latency]),
        "rps": len(good) / seconds,
        "error_rate": (len(cell) - len(good)) / len(cell),
        "cache_hit_rate": len(hits) / (len(hits) + len(misses)) if hits or misses else None,
        "queries_per_request": mean([s["queries"] for _, s in cell if s["queries"] is not None]),
        "queries_per_miss": mean([s["queries"] for s in misses if s["queries"] is not None]),
        "db_ms_per_request": mean([s["db_ms"] for _, s in cell if s["db_ms"] is not None]),
        "db_ms_per_miss": mean([s["db_ms"] for s in misses if s["db_ms"] is not None]),
        "hits": len(hits),
        "lookups": len(hits) + len(misses),
        "seconds": seconds,
        "design_effect": max(design_effect([(n, f) for n, f in counts.values()]) for counts in (ticks, of_legs)),
    }


def timelines(run: Sequence[tuple[Leg, Sequence[Sample]]]) -> dict[str, list[tuple[Any, ...]]]:
    found: dict[str, list[tuple[Any, ...]]] = {}
    for arm in sorted({leg.arm for leg, samples in run if samples}):
        legs = [samples for leg, samples in run if leg.arm == arm and samples]
        together = [s for samples in legs for s in samples]
        found[arm] = []
        for second in sorted({s["due_ns"] // 10**9 for s in together}):
            here = [s for s in together if s["due_ns"] // 10**9 == second]
            ns = [latency_of(s) for s in here if s["error"] is None]
            p50, p95 = rank(ns, Fraction(1, 2)), rank(ns, Fraction(19, 20))
            found[arm].append((second, len(ns) / len(legs), len(here) - len(ns), p50, p95))
    return found


def check(row: Row, wanted: dict[str, Any]) -> None:
    ours = {metric.key: row.value(metric.name) for metric in METRICS.values()}
    for name, value in wanted.items():
        exact = name not in FLOATS or value is None
        assert (ours[name] if name in ours else getattr(row, name)) == (
            value if exact else pytest.approx(value, rel=1e-12)
        ), name


RUNS = st.builds(
    lambda seed, sizes, grain: [
        (Leg(number, (number + 1) // 2, "after" if number % 2 else "before"), recorded(chance, size, grain))
        for chance in [random.Random(seed)]
        for number, size in enumerate(sizes, start=1)
    ],
    st.integers(0, 2**32),
    st.lists(st.integers(0, 60), min_size=1, max_size=4),
    st.sampled_from((1, 10**6, 10**9)),
)


@given(RUNS)
def test_every_number_is_that_of_a_plain_sort(run: list[tuple[Leg, list[Sample]]]) -> None:
    summary, wanted = summarise(trial_of(leg, samples) for leg, samples in run), expected(run)
    assert {(row.arm, row.block, row.stage, row.endpoint) for row in summary.rows} == set(wanted)
    for row in summary.rows:
        check(row, wanted[row.arm, row.block, row.stage, row.endpoint])
    assert {
        arm: [(s.second, s.rps, s.failures, s.p50_ms, s.p95_ms) for s in seconds]
        for arm, seconds in summary.timelines.items()
    } == timelines(run)


@given(RUNS, st.randoms(use_true_random=True), st.integers(1, 5))
def test_no_order_of_samples_parts_and_legs_makes_a_difference(
    run: list[tuple[Leg, list[Sample]]], chance: random.Random, chunks: int
) -> None:
    shuffled = [(leg, chance.sample(samples, len(samples))) for leg, samples in chance.sample(run, len(run))]
    one, other = (
        summarise([trial_of(leg, samples, parts) for leg, samples in legs])
        for legs, parts in ((run, 1), (shuffled, chunks))
    )

    def shown(summary: Summary) -> tuple[Any, ...]:
        return summary.rows, summary.curves, summary.timelines

    assert shown(one) == shown(other)  # to the last digit


LATENCIES = st.builds(
    lambda chance, sizes, most: [[(chance.randint(0, most), chance.choice(KINDS)) for _ in range(n)] for n in sizes],
    st.randoms(use_true_random=True),
    st.lists(st.integers(0, 40), min_size=1, max_size=20),
    st.sampled_from((3, 10**6, 10**11)),
)


def part_of(latencies: Sequence[tuple[int, int]]) -> Cell:
    """A cell of samples that are latencies in ns, each with what came of it."""
    ranked = [[ns for ns, kind in latencies if kind == wanted] for wanted in KINDS]
    good = np.array([ns for of_kind in ranked[:FAILED] for ns in of_kind], dtype=np.int64)
    counts = tuple(map(len, ranked))
    return Cell(counts, good, good, {}, {})


@given(LATENCIES, st.fractions(Fraction(1, 1000), 1), st.randoms(use_true_random=True))
@examples(200)
def test_a_percentile_is_that_of_a_plain_sort_in_any_order_of_merging(
    parts: list[list[tuple[int, int]]], quantile: Fraction, chance: random.Random
) -> None:
    cells = list(map(part_of, parts))
    while len(cells) > 1:
        chance.shuffle(cells)
        some = chance.randint(2, len(cells))
        cells = [pooled(cells[:some]), *cells[some:]]
    (cell,) = cells
    of_kinds = {kind: [ns for part in parts for ns, found in part if found == kind] for kind in KINDS}
    good = [ns for kind in KINDS[:FAILED] for ns in of_kinds[kind]]
    for ours, wanted in ((cell.latency_ns, good), (cell.hit_ns, of_kinds[HIT]), (cell.miss_ns, of_kinds[MISS])):
        assert milliseconds(ours, [quantile]) == [rank(wanted, quantile)]
    assert (cell.requests, cell.failures) == (sum(map(len, parts)), len(of_kinds[FAILED]))
