"""Account: what the workers of a leg did, added up and held against what is on disk."""

import sys
from collections.abc import Sequence

from harness.generator.distributed.worker_pool import Member, WorkerPool
from harness.record.generation import Generation, GeneratorProcess, LostWorker, OfferedLoad
from harness.record.leg import Window


def add_up(crew: WorkerPool, counted: int, origin: str, windows: tuple[Window, ...], leg: str) -> Generation:
    """The generator's account of a leg.

    Args:
        crew: the workers, all done or lost.
        counted: requests that Locust's master counted from the reports of all.
        origin: wall-clock time of the leg's origin.
        windows: of the leg's stages.
        leg: its name.

    Raises:
        SystemExit: when rows on disk, a worker's own count and Locust's counts are not the same.
    """
    shares = [_contribution(member) for member in crew.in_order]
    lost = [member for member in crew.in_order if member.lost]
    requests = sum(share.requests for share in shares)
    if not lost and counted != requests:
        sys.exit(f"{requests} samples arrived, Locust counted {counted}: samples were lost")
    done = [member.done for member in crew.in_order if member.done]
    lags = [one["schedule_lag_p99_ms"] for one in done if one["schedule_lag_p99_ms"] is not None]
    return Generation(
        origin,
        requests,
        max((float(one["cpu_share"]) for one in done), default=0.0),
        max((float(one["lag_p99_ms"]) for one in done), default=0.0),
        windows,
        user_errors=sum(int(one["user_errors"]) for one in done),
        workers=tuple(shares),
        lost=tuple(LostWorker(member.name, leg, round(member.lost_second, 1), member.lost) for member in lost),
        offered=_together([[OfferedLoad(**part) for part in one["offered"]] for one in done]),
        schedule_lag_p99_ms=max(lags, default=None),
        gc_pause_ms=max((float(one["gc_pause_ms"]) for one in done), default=0.0),
    )


def _contribution(member: Member) -> GeneratorProcess:
    rows = member.intake.rows() if member.intake else 0
    done = member.done
    if done and not rows == done["requests"] == done["counted"]:
        says = f"recorded {done['requests']}, Locust counted {done['counted']}"
        sys.exit(f"{member.name}: {rows} samples arrived, it {says}: samples were lost")
    clock = member.clock or {"offset_ns": 0, "uncertainty_ns": 0}
    return GeneratorProcess(
        worker=member.name,
        host=member.host,
        requests=rows,
        cpu_share=done["cpu_share"] if done else None,
        lag_p99_ms=done["lag_p99_ms"] if done else None,
        clock_offset_ms=clock["offset_ns"] / 1e6,
        clock_uncertainty_ms=clock["uncertainty_ns"] / 1e6,
        clock_drift_ms=done["drift_ns"] / 1e6 if done else None,
    )


def _together(parts: Sequence[Sequence[OfferedLoad]]) -> tuple[OfferedLoad, ...]:
    """The arrivals of all workers, stage by stage."""
    return tuple(
        OfferedLoad(
            same[0].stage,
            *(sum(getattr(part, name) for part in same) for name in ("planned", "started", "late", "most_users")),
        )
        for same in zip(*parts, strict=True)
    )
