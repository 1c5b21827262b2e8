"""Summary: the trials of a run as one row per arm, block, stage and endpoint, each also pooled over the others.

What counts where:

- a sample belongs to the stage in whose window it was *due*; what was due during a stage's warm-up is left out;
- latencies are those of successes, in ms from when the request was due (a fast error must not improve a percentile);
- service times are those of successes too, in ms from when the request was sent;
- a failed answer is no cache hit and no miss;
- pooled over stages means every stage but ramps; pooled over blocks means every complete block of the run;
- what is one value of a whole leg or arm stands in the rows of all stages and endpoints together.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from harness.capacity import Step, begun, holds
from harness.facts import facts_of
from harness.fault import Fault
from harness.metric import LATENCIES, PERCENTILES, SERVICE_TIMES, Basis, Metric, Origin
from harness.recovery import Recovery, recoveries_of
from harness.samples import latency_ms
from harness.stage import StageKind
from harness.statistics import design_effect, percentile
from harness.target import Expectation
from harness.trial import Leg, Migration, Offered, Trial, Window
from harness.usage import Consumer, Usage

CURVE_QUANTILES = (
    *(q / 100 for q in range(1, 100)),
    *(0.99 + q / 1000 for q in range(1, 10)),
    0.9995,
    0.9999,
)
FAILURE_WINDOW_SECONDS = 10
KEYS = ("block", "stage", "endpoint")


@dataclass(frozen=True, slots=True)
class Row:
    """What one arm did in one block, stage and endpoint; ``None`` in these three means pooled over them.

    Rates are fractions; a value that could not be measured is ``None``, never 0. ``hits`` and ``lookups`` are the
    counts behind the cache-hit rate, ``design_effect`` is at least 1 and divides the counts of failures. What
    follows them is of whole legs and arms (rows of all stages and endpoints) or of processes (rows of all endpoints).
    """

    arm: str
    block: int | None
    stage: str | None
    endpoint: str | None
    requests: int
    failures: int
    p50_ms: float | None
    p90_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    hit_p50_ms: float | None
    miss_p50_ms: float | None
    service_p50_ms: float | None
    service_p95_ms: float | None
    service_p99_ms: float | None
    max_ms: float | None
    mean_ms: float | None
    rps: float | None
    error_rate: float | None
    cache_hit_rate: float | None
    queries_per_request: float | None
    queries_per_miss: float | None
    db_ms_per_request: float | None
    db_ms_per_miss: float | None
    hits: int
    lookups: int
    seconds: float
    design_effect: float
    users_held: int | None = None
    rate_held: float | None = None
    held_all: bool = False
    ready_seconds: float | None = None
    detection_seconds: float | None = None
    recovery_seconds: float | None = None
    detected: bool = True
    recovered: bool = True
    indexes_created: int | None = None
    migration_seconds: float | None = None
    database_cpu: float | None = None
    cache_memory: float | None = None
    service_memory: float | None = None

    def value(self, metric: str) -> float | None:
        """The value of a metric of the registry, in its stored unit."""
        found: float | None = getattr(self, f"{metric}_ms" if metric in LATENCIES else metric)
        return found

    def samples(self, metric: Metric) -> int:
        """How many samples the value of a metric is taken from."""
        match metric.basis:
            case Basis.REQUESTS:
                return self.requests
            case Basis.SUCCESSES:
                return self.requests - self.failures
            case Basis.LOOKUPS:
                return self.lookups
            case Basis.HITS:
                return self.hits
            case Basis.MISSES:
                return self.lookups - self.hits

    def at_least(self, metric: Metric) -> bool:
        """Whether the value of a metric is a lower bound."""
        bounds = {"recovery_seconds": not self.recovered, "detection_seconds": not self.detected}
        return bounds.get(metric.name, metric.origin is Origin.STRESS and self.held_all)


@dataclass(frozen=True, slots=True)
class Curve:
    """Latency at each quantile that the number of samples supports, pooled over blocks and stages."""

    arm: str
    endpoint: str | None
    quantiles: tuple[float, ...]
    latency_ms: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Second:
    """One second of the load, pooled over an arm's legs; ``rps`` is the mean of the legs."""

    second: int
    rps: float
    failures: int
    p50_ms: float | None
    p95_ms: float | None


@dataclass(frozen=True, slots=True)
class LegFacts:
    """What the guards need to know of a leg; ``offered`` and ``schedule_lag_p99_ms`` are of open plans."""

    leg: Leg
    requests: int
    cpu_share: float
    lag_p99_ms: float
    ready_seconds: float | None = None
    user_errors: int = 0
    processes: int = 1
    hosts: int = 1
    windows: tuple[Window, ...] = ()
    offered: tuple[Offered, ...] = ()
    schedule_lag_p99_ms: float | None = None
    gc_pause_ms: float = 0.0

    @property
    def arrivals(self) -> list[tuple[Window, Offered]]:
        """The stages whose arrivals were counted, in the order they ran, with their windows."""
        windows = {window.stage: window for window in self.windows}
        return [(windows[offered.stage], offered) for offered in self.offered if offered.stage in windows]


@dataclass(frozen=True)
class Summary:
    """All rows, the stages in the order they ran, the latency curves, and the course of a leg per arm and second.

    ``steps`` are the stress stages of every leg, when the plan says what it means to hold them; ``consumers`` the
    servers and services whose CPU and memory were read; ``recoveries`` what followed each fault of every leg.
    """

    rows: tuple[Row, ...]
    stages: tuple[str, ...]
    curves: tuple[Curve, ...]
    timelines: dict[str, tuple[Second, ...]]
    legs: tuple[LegFacts, ...]
    steps: tuple[Step, ...] = ()
    consumers: tuple[Consumer, ...] = ()
    recoveries: tuple[Recovery, ...] = ()

    @cached_property
    def _index(self) -> dict[tuple[str, int | None, str | None, str | None], Row]:
        return {(row.arm, row.block, row.stage, row.endpoint): row for row in self.rows}

    @cached_property
    def blocks(self) -> list[int]:
        """The numbers of the blocks in which anything was requested."""
        return sorted({row.block for row in self.rows if row.block is not None})

    @property
    def endpoints(self) -> list[str]:
        """Every endpoint that was requested, in alphabetical order."""
        return sorted({row.endpoint for row in self.rows if row.endpoint})

    @property
    def open(self) -> bool:
        """Whether the load was arrivals, which wait for no answer."""
        return any(window.rate is not None for leg in self.legs for window in leg.windows)

    def row(self, arm: str, block: int | None, stage: str | None, endpoint: str | None) -> Row | None:
        """The row of a cell; ``None`` when nothing was requested there."""
        return self._index.get((arm, block, stage, endpoint))


def summarise(
    trials: Sequence[Trial],
    migrations: Sequence[Migration] = (),
    limits: Sequence[Expectation] = (),
    faults: Sequence[Fault] = (),
) -> Summary:
    """Summarise the trials of a run; the caller passes complete blocks only.

    Args:
        trials: what each leg recorded.
        migrations: what bringing the arms to their revisions took; several of one arm add up.
        limits: what a stress stage has to meet for its load to be held.
        faults: what was done to servers and services in every leg, in the order in which they begin.
    """
    if not trials:
        return Summary((), (), (), {}, ())
    frame = pd.concat([_frame(trial) for trial in trials], ignore_index=True)
    frame["endpoint"] = frame["endpoint"].astype(str)
    ramps = {w.stage for t in trials for w in t.generation.windows if w.kind == StageKind.RAMP}
    measured = frame[frame["measured"]]
    steady = measured[~measured["stage"].isin(ramps)]
    rows = tuple(_rows(measured, steady, trials, ramps))
    steps = tuple(_steps(trials, rows, limits)) if limits else ()
    recoveries = tuple(recovery for trial in trials for recovery in recoveries_of(trial, faults))
    usage = Usage(trials)
    return Summary(
        rows=tuple(_with_facts(_with_usage(row, usage), trials, migrations, steps, recoveries) for row in rows),
        stages=tuple(dict.fromkeys(window.stage for trial in trials for window in trial.generation.windows)),
        curves=tuple(_curves(steady)),
        timelines={str(arm): tuple(_timeline(part)) for arm, part in frame.groupby("arm", observed=True)},
        legs=tuple(
            LegFacts(
                t.leg,
                t.generation.requests,
                t.generation.cpu_share,
                t.generation.lag_p99_ms,
                t.ready_seconds,
                t.generation.user_errors,
                t.generation.processes,
                t.generation.hosts,
                t.generation.windows,
                t.generation.offered,
                t.generation.schedule_lag_p99_ms,
                t.generation.gc_pause_ms,
            )
            for t in trials
        ),
        steps=steps,
        consumers=tuple(usage.consumers()),
        recoveries=recoveries,
    )


def _frame(trial: Trial) -> pd.DataFrame:
    """One leg's samples with the stage each belongs to, as a frame of plain columns."""
    samples = trial.samples
    cache, ok = samples["cache"].to_pandas(), pc.is_null(samples["error"]).to_numpy(zero_copy_only=False)
    due_s = samples["due_ns"].to_numpy() / 1e9
    frame = pd.DataFrame(
        {
            "arm": trial.leg.arm,
            "block": trial.leg.block,
            "endpoint": samples["endpoint"].combine_chunks().to_pandas(),
            "due_s": due_s,
            "latency": latency_ms(samples),
            "service": samples["duration_ns"].to_numpy() / 1e6,
            "ok": ok,
            "hit": ok & (cache == "hit"),
            "looked_up": ok & ((cache == "hit") | (cache == "miss")),
            "queries": samples["queries"].to_numpy(),
            "db_ms": samples["db_ms"].to_numpy(),
        }
    )
    windows = trial.generation.windows
    starts = np.array([w.start for w in windows])
    position = np.searchsorted(starts, due_s, side="right") - 1
    inside = (position >= 0) & (due_s < (windows[-1].end if windows else 0.0))
    frame["stage"] = [windows[i].stage if ok else None for i, ok in zip(position, inside, strict=True)]
    measured_from = np.array([w.measured_from for w in windows])[np.clip(position, 0, None)] if windows else 0.0
    frame["measured"] = inside & (due_s >= measured_from)
    return frame


def _rows(measured: pd.DataFrame, steady: pd.DataFrame, trials: Sequence[Trial], ramps: set[str]) -> Iterator[Row]:
    for split in product((True, False), repeat=len(KEYS)):
        keys = ["arm", *(key for key, wanted in zip(KEYS, split, strict=True) if wanted)]
        for values, cell in (measured if "stage" in keys else steady).groupby(keys, observed=True, sort=True):
            place = dict(zip(keys, values, strict=True))
            yield _row(cell, place, _seconds(trials, place, ramps))


def _seconds(trials: Sequence[Trial], place: dict[str, Any], ramps: set[str]) -> float:
    """Summarised seconds of all legs and stages that a cell covers."""
    return sum(
        window.seconds
        for trial in trials
        if trial.leg.arm == place["arm"] and place.get("block", trial.leg.block) == trial.leg.block
        for window in trial.generation.windows
        if (window.stage == place["stage"] if "stage" in place else window.stage not in ramps)
    )


def _row(cell: pd.DataFrame, place: dict[str, Any], seconds: float) -> Row:
    ok = cell["ok"].to_numpy(dtype=bool)
    latencies, services = (cell[name].to_numpy(dtype=np.float64)[ok] for name in ("latency", "service"))
    requests, failures = len(cell), int((~ok).sum())
    hits, lookups = int(cell["hit"].sum()), int(cell["looked_up"].sum())
    queries, db_ms = cell["queries"].dropna(), cell["db_ms"].dropna()
    hit, missed = cell[cell["hit"]], cell[cell["looked_up"] & ~cell["hit"]]
    missed_queries, missed_ms = missed["queries"].dropna(), missed["db_ms"].dropna()
    percentiles: dict[str, Any] = {
        f"{name}_ms": percentile(values, quantile)
        for values, quantiles in ((latencies, PERCENTILES), (services, SERVICE_TIMES))
        for name, quantile in quantiles.items()
    }
    return Row(
        arm=str(place["arm"]),
        block=int(place["block"]) if "block" in place else None,
        stage=place.get("stage"),
        endpoint=place.get("endpoint"),
        requests=requests,
        failures=failures,
        **percentiles,
        hit_p50_ms=percentile(hit["latency"].to_numpy(dtype=np.float64), PERCENTILES["p50"]),
        miss_p50_ms=percentile(missed["latency"].to_numpy(dtype=np.float64), PERCENTILES["p50"]),
        max_ms=float(latencies.max()) if len(latencies) else None,
        mean_ms=float(latencies.mean()) if len(latencies) else None,
        rps=(requests - failures) / seconds,
        error_rate=failures / requests,
        cache_hit_rate=hits / lookups if lookups else None,
        queries_per_request=float(queries.mean()) if len(queries) else None,
        queries_per_miss=float(missed_queries.mean()) if len(missed_queries) else None,
        db_ms_per_request=float(db_ms.mean()) if len(db_ms) else None,
        db_ms_per_miss=float(missed_ms.mean()) if len(missed_ms) else None,
        hits=hits,
        lookups=lookups,
        seconds=seconds,
        design_effect=_design_effect(cell) if failures else 1.0,
    )


def _steps(trials: Sequence[Trial], rows: Sequence[Row], limits: Sequence[Expectation]) -> Iterator[Step]:
    """Every stress stage of every leg; one without requests, or without its arrivals, is not held."""
    of_stage = {(row.arm, row.block, row.stage): row for row in rows if row.endpoint is None}
    for trial in trials:
        for window in trial.generation.windows:
            if window.kind == StageKind.STRESS:
                row = of_stage.get((trial.leg.arm, trial.leg.block, window.stage))
                arrived = begun(trial.generation.offered, window.stage)
                held = arrived and row is not None and holds(limits, row.value)
                yield Step(trial.leg, window.stage, window.users, held, window.rate)


def _with_usage(row: Row, usage: Usage) -> Row:
    """A row of all endpoints with what its servers and services used."""
    return row if row.endpoint is not None else replace(row, **usage.of(row.arm, row.block, row.stage))


def _with_facts(
    row: Row,
    trials: Sequence[Trial],
    migrations: Sequence[Migration],
    steps: Sequence[Step],
    recoveries: Sequence[Recovery],
) -> Row:
    """A row of all stages and endpoints with the facts of its legs, and of its arm when it is of all blocks."""
    if row.stage is not None or row.endpoint is not None:
        return row
    legs = [trial for trial in trials if trial.leg.arm == row.arm and row.block in {None, trial.leg.block}]
    made = [migration for migration in migrations if migration.arm == row.arm and row.block is None]
    return replace(row, **asdict(facts_of(legs, steps, recoveries, made)))


def _design_effect(cell: pd.DataFrame) -> float:
    tick = cell["due_s"] // FAILURE_WINDOW_SECONDS
    windows = (~cell["ok"].astype(bool)).groupby([cell["block"], tick]).agg(["size", "sum"])
    return design_effect([(int(n), int(f)) for n, f in windows.itertuples(index=False)])


def _curves(steady: pd.DataFrame) -> Iterator[Curve]:
    good = steady[steady["ok"]]
    for keys in (["arm"], ["arm", "endpoint"]):
        for values, cell in good.groupby(keys, observed=True, sort=True):
            latencies = np.sort(cell["latency"].to_numpy(dtype=np.float64))
            supported = [q for q in CURVE_QUANTILES if (1 - q) * len(latencies) >= 1]
            points = [float(latencies[int(np.ceil(q * len(latencies))) - 1]) for q in supported]
            endpoint = str(values[1]) if len(keys) > 1 else None
            yield Curve(str(values[0]), endpoint, tuple(supported), tuple(points))


def _timeline(part: pd.DataFrame) -> Iterator[Second]:
    legs = part["block"].nunique()
    for second, cell in part.groupby(part["due_s"].astype(int), sort=True):
        ok = cell["ok"].to_numpy(dtype=bool)
        latencies = cell["latency"].to_numpy(dtype=np.float64)[ok]
        yield Second(
            second=int(second),
            rps=int(ok.sum()) / legs,
            failures=int((~ok).sum()),
            p50_ms=percentile(latencies, PERCENTILES["p50"]),
            p95_ms=percentile(latencies, PERCENTILES["p95"]),
        )
