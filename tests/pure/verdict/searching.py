"""Synthetic legs with a capacity search: the service is fast up to its capacity and slow beyond it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from harness.plan.search import Ending, Searched, Try, TryOutcome, next_load
from harness.record.leg import windows_of
from tests.doubles import synthetic_trials

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.plan.model import Plan
    from harness.plan.stages import Search
    from harness.record.leg import Leg
    from harness.record.trial import Trial

QUICK_MS, LATE_MS = 40, 900


def tries_of(search: Search, capacity: float, start: float, most: int) -> tuple[list[Try], Ending]:
    """What a search tries of a service with this capacity, and why it ends; ``most`` tries have time."""
    tries: list[Try] = []
    while not isinstance(step := next_load(search, [(tried.load, tried.word) for tried in tries]), Ending):
        if len(tries) == most:
            return tries, Ending.TIME
        begin = start + len(tries) * (search.seconds + 0.5)
        count = round(step * search.try_seconds)
        tries.append(
            Try(
                load=step,
                attempt=1 + sum(tried.load == step for tried in tries),
                start=begin,
                measured_from=begin + search.settle_seconds,
                end=begin + search.seconds,
                planned=count,
                started=count,
                unanswered=0,
                cut=False,
                users=10_000,
                most_users=20,
                cpu_share=0.2,
                lag_p99_ms=0.4,
                word=TryOutcome.HELD if step <= capacity else TryOutcome.MISSED,
            )
        )
    return tries, step


def searching(
    plan: Plan, capacity: Callable[[Leg], float], most: int = 200, change: Callable[[Searched], Searched] = lambda s: s
) -> list[Trial]:
    """The trials of a plan with a search, of legs with these capacities; ``change`` is made to what they recorded."""
    stage = plan.searched
    assert stage is not None
    assert stage.search is not None
    begin = plan.seconds - stage.seconds
    found = []
    for trial in synthetic_trials(plan):
        tries, ended = tries_of(stage.search, capacity(trial.leg), begin, most)
        kept = trial.samples.filter(pa.array(trial.samples["due_ns"].to_numpy() < begin * 1e9))
        asked = [_samples(trial.samples, tried) for tried in tries]
        samples = pa.concat_tables([kept, *asked]).combine_chunks()
        *before, last = windows_of(plan.stages)
        end = tries[-1].end if tries else last.start
        generation = replace(
            trial.generation,
            requests=len(samples),
            windows=(*before, replace(last, measured_from=end, end=end)),
            offered=trial.generation.offered[:-1],
            searched=change(Searched(stage.title, tuple(tries), ended, stage.search.confirm)),
        )
        found.append(replace(trial, generation=generation, samples=samples))
    return found


def _samples(like: pa.Table, tried: Try) -> pa.Table:
    """The requests of a try, evenly spaced, at its only endpoint."""
    due = (np.linspace(tried.measured_from, tried.end, tried.planned, endpoint=False) * 1e9).astype(np.int64)
    taken = np.full(len(due), (QUICK_MS if tried.word is TryOutcome.HELD else LATE_MS) * 1_000_000)
    values: dict[str, Any] = {
        "due_ns": due,
        "sent_ns": due,
        "duration_ns": taken,
        "endpoint": ["GET /content/{id}"] * len(due),
        "status": [200] * len(due),
        "size_bytes": [1200] * len(due),
        "error": [None] * len(due),
        "cache": ["hit"] * len(due),
        "queries": [0] * len(due),
        "db_ms": [0.0] * len(due),
    }
    return pa.table([pa.array(values[field.name]).cast(field.type) for field in like.schema], schema=like.schema)
