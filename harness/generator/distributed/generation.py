"""The account of a leg with several workers: their counts added up and compared with the samples on disk."""

import sys
from collections.abc import Sequence

from harness.generator.distributed.worker_pool import PoolWorker, WorkerPool
from harness.record.generation import Generation, GeneratorProcess, LostWorker, OfferedLoad
from harness.record.leg import Window


def generation_of(pool: WorkerPool, counted: int, origin: str, windows: tuple[Window, ...], leg: str) -> Generation:
    """The account of the leg ``leg``; exits when rows on disk, workers' counts and Locust's ``counted`` differ."""
    shares = [_contribution(worker) for worker in pool.in_order]
    lost = [worker for worker in pool.in_order if worker.lost]
    requests = sum(share.requests for share in shares)
    if not lost and counted != requests:
        sys.exit(f"{requests} samples arrived, Locust counted {counted}: samples were lost")
    done = [worker.done for worker in pool.in_order if worker.done]

    def worst(key: str) -> float:
        return max((float(one[key] or 0) for one in done), default=0.0)

    open_loop = any(one["schedule_lag_p99_ms"] is not None for one in done)
    return Generation(
        origin,
        requests,
        worst("cpu_share"),
        worst("lag_p99_ms"),
        windows,
        user_errors=sum(int(one["user_errors"]) for one in done),
        workers=tuple(shares),
        lost=tuple(LostWorker(worker.name, leg, round(worker.lost_second, 1), worker.lost) for worker in lost),
        offered=_together([[OfferedLoad(**part) for part in one["offered"]] for one in done]),
        schedule_lag_p99_ms=worst("schedule_lag_p99_ms") if open_loop else None,
        gc_pause_ms=worst("gc_pause_ms"),
    )


def _contribution(worker: PoolWorker) -> GeneratorProcess:
    rows = worker.inbox.rows() if worker.inbox else 0
    done = worker.done
    if done and not rows == done["requests"] == done["counted"]:
        counts = f"recorded {done['requests']}, Locust counted {done['counted']}"
        sys.exit(f"{worker.name}: {rows} samples arrived, it {counts}: samples were lost")
    clock = worker.clock or {"offset_ns": 0, "uncertainty_ns": 0}
    return GeneratorProcess(
        worker=worker.name,
        host=worker.host,
        requests=rows,
        cpu_share=done["cpu_share"] if done else None,
        lag_p99_ms=done["lag_p99_ms"] if done else None,
        clock_offset_ms=clock["offset_ns"] / 1e6,
        clock_uncertainty_ms=clock["uncertainty_ns"] / 1e6,
        clock_drift_ms=done["drift_ns"] / 1e6 if done else None,
    )


def _together(parts: Sequence[Sequence[OfferedLoad]]) -> tuple[OfferedLoad, ...]:
    counts = ("planned", "started", "late", "most_users")
    return tuple(
        OfferedLoad(stage[0].stage, *(sum(getattr(part, name) for part in stage) for name in counts))
        for stage in zip(*parts, strict=True)
    )
