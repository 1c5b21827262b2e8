"""Recovery: a table of what happened in a leg and what is said of it; each row says why."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness.analysis.recovery import Recovery, recoveries_of
from harness.plan.faults import Fault, FaultKind
from harness.plan.file import parse_plan
from harness.record.samples import SCHEMA
from harness.record.trial import Trial
from tests.doubles import PLAN, synthetic_trials

PER_SECOND = 20
SIGNAL = 'breaker_open{guards="database"}'
KILL = Fault(at="sustain+10 s", kind=FaultKind.KILL, service="postgres", seconds=5.0, signal=SIGNAL)
Rows = Sequence[tuple[float, str, str, float]]


def leg(
    *,
    failed: tuple[float, float] | None = None,
    slow: tuple[float, float] | None = None,
    stray: tuple[float, ...] = (),
    witnesses: Rows | None = None,
    readings: Rows = (),
) -> Trial:
    """A leg of 32 s, 20 requests a second of 10 ms; a fault from 12 s to 17 s."""
    (trial, *_) = synthetic_trials(parse_plan(PLAN))
    due = np.arange(0, 32, 1 / PER_SECOND)
    bad = _within(due, failed) | np.isin(np.round(due, 3), stray)
    rng = np.random.default_rng(1)
    taken_ms = np.where(_within(due, slow), 500.0, 10.0 + rng.random(len(due)))
    columns: dict[str, Any] = {
        "due_ns": (due * 1e9).astype(np.int64),
        "sent_ns": (due * 1e9).astype(np.int64),
        "duration_ns": (taken_ms * 1e6).astype(np.int64),
        "endpoint": ["GET /"] * len(due),
        "status": np.where(bad, 503, 200),
        "size_bytes": np.zeros(len(due), dtype=np.int64),
        "error": ["HTTP 503" if one else None for one in bad],
        "cache": [None] * len(due),
        "queries": [None] * len(due),
        "db_ms": [None] * len(due),
    }
    samples = pa.table([pa.array(columns[field.name]).cast(field.type) for field in SCHEMA], schema=SCHEMA)
    told = [(12.0, "postgres", "fault_kill", 1.0), (17.0, "postgres", "fault_kill", 0.0)]
    return replace(trial, samples=samples, readings=table_of([*(told if witnesses is None else witnesses), *readings]))


def table_of(rows: Rows) -> pa.Table:
    at, sources, names, values = zip(*sorted(rows), strict=True) if rows else ((), (), (), ())
    columns: dict[str, Any] = {"at_ns": [round(second * 1e9) for second in at], "source": sources, "name": names}
    return pa.table({**columns, "value": [float(value) for value in values]})


def _within(due: NDArray[np.float64], period: tuple[float, float] | None) -> NDArray[np.bool_]:
    return (due >= period[0]) & (due < period[1]) if period else np.zeros(len(due), dtype=bool)


def of(trial: Trial, *faults: Fault) -> Recovery:
    (found,) = recoveries_of(trial, faults or (KILL,))
    return found


@pytest.mark.parametrize(
    ("trial", "failures", "failed_after", "recovered_after", "recovered"),
    [
        # nobody noticed anything
        (leg(), 0, None, 0.0, True),
        # failed while it was away, and well the moment it was back
        (leg(failed=(12.0, 17.0)), 100, 0.0, 0.0, True),
        # a breaker that stays open: failing until 24 s, seven after the end
        (leg(failed=(14.0, 24.0)), 200, 2.0, 7.0, True),
        # nothing fails, but half of a second's answers are slow until 20 s
        (leg(slow=(12.0, 20.0)), 0, None, 3.0, True),
        # one failure of twenty in a second is more than usual
        (leg(failed=(12.0, 17.0), stray=(20.5,)), 101, 0.0, 4.0, True),
        # what also failed before is usual: of 200, 2 were failing
        (leg(stray=(3.0, 5.0, 20.5)), 1, 8.5, 4.0, True),
        # a second before the end of the load it still fails: 15 s, or more
        (leg(failed=(12.0, 31.0)), 380, 0.0, 15.0, False),
    ],
)
def test_what_followed_a_fault(
    trial: Trial, failures: int, failed_after: float | None, recovered_after: float, *, recovered: bool
) -> None:
    found = of(trial)
    assert (found.began, found.ended, found.watched) == (12.0, 17.0, 15.0)
    assert found.failures == failures
    assert found.failed_after == (None if failed_after is None else pytest.approx(failed_after, abs=0.06))
    assert (found.recovered_after, found.recovered) == (recovered_after, recovered)


def test_a_second_with_a_few_slow_answers_is_as_usual() -> None:
    assert of(leg(slow=(20.0, 20.3))).recovered_after == 0.0


@pytest.mark.parametrize(
    ("course", "noticed", "calmed"),
    [
        ([(11, 0), (14, 1), (20, 1), (25, 0)], 2.0, 8.0),  # opens two seconds in, closes eight after the end
        ([(11, 0), (14, 1), (15, 0.5), (16, 0), (18, 0)], 2.0, 1.0),  # back to 0 during the fault: seen after it
        ([(11, 0), (14, 1), (25, 1)], 2.0, None),  # stays open
        ([(11, 0), (14, 0), (25, 0)], 20.0, None),  # never opens in the 20 s until the end
        ([(11, 1), (14, 0), (18, 1)], 2.0, 1.0),  # a gauge that falls, such as of healthy replicas
        ([(14, 1), (25, 0)], None, None),  # nobody knows how it was before
        ([], None, None),
    ],
)
def test_a_signal_detects_a_fault_when_it_changes(
    course: list[tuple[float, float]], noticed: float | None, calmed: float | None
) -> None:
    found = of(leg(readings=[(at, "api", SIGNAL, value) for at, value in course]))
    assert (found.noticed_after, found.calmed_after) == (noticed, calmed)
    assert found.noticed == (noticed == 2.0)


def test_of_several_services_the_first_detects_and_all_have_to_calm_down() -> None:
    readings: list[tuple[float, str, str, float]] = []
    for name, opened, closed in (("a", 13, 19), ("b", 15, 28)):
        readings += [(11, name, SIGNAL, 0), (opened, name, SIGNAL, 1), (closed, name, SIGNAL, 0)]
    found = of(leg(readings=readings))
    assert (found.noticed_after, found.calmed_after) == (1.0, 11.0)


def test_a_fault_is_watched_until_the_next_begins() -> None:
    later = Fault(at="sustain+20 s", kind=FaultKind.PAUSE, service="redis", seconds=2.0)
    witnesses = [
        (12.0, "postgres", "fault_kill", 1.0),
        (17.0, "postgres", "fault_kill", 0.0),
        (22.0, "redis", "fault_pause", 1.0),
        (24.0, "redis", "fault_pause", 0.0),
    ]
    first, second = recoveries_of(leg(failed=(22.0, 24.0), witnesses=witnesses), (KILL, later))
    assert (first.failures, first.recovered_after, first.watched, first.recovered) == (0, 0.0, 5.0, True)
    assert (second.failures, second.recovered_after) == (40, 0.0)


def test_what_a_fault_disturbed_is_not_usual_for_the_next() -> None:
    later = Fault(at="sustain+20 s", kind=FaultKind.PAUSE, service="redis", seconds=2.0)
    rows = [(12.0, "postgres", "kill", 1.0), (17.0, "postgres", "kill", 0.0), (22.0, "redis", "pause", 1.0)]
    witnesses = [(at, source, f"fault_{kind}", value) for at, source, kind, value in rows]
    (trial,) = [
        leg(failed=(12.0, 19.0), stray=(24.0, 24.05), witnesses=[*witnesses, (23.0, "redis", "fault_pause", 0.0)])
    ]
    first, second = recoveries_of(trial, (KILL, later))
    assert first.recovered_after == 2.0
    assert second.recovered_after == 2.0  # a tenth of that second failed, a third of all before it


def test_users_who_only_wait_have_not_recovered() -> None:
    trial = leg()
    due = trial.samples["due_ns"].to_numpy() / 1e9
    kept = (due < 14) | (due >= 27)  # all users hang from 14 s until they are answered at 27 s
    column = trial.samples.schema.get_field_index("duration_ns")
    taken = trial.samples["duration_ns"].to_numpy().copy()
    taken[(due >= 13.9) & (due < 14)] = round(13.1e9)
    hung = trial.samples.set_column(column, trial.samples.schema.field(column), pa.array(taken)).filter(pa.array(kept))
    found = of(replace(trial, samples=hung))
    assert found.recovered_after == pytest.approx(10.0)
    silent = of(replace(trial, samples=trial.samples.filter(pa.array(kept))))
    assert silent.recovered_after == 0.0  # nobody waited: nobody wanted anything


def test_the_same_fault_twice_is_told_apart_by_its_order() -> None:
    witnesses = [(at, "postgres", "fault_kill", value) for at, value in ((6, 1), (7, 0), (20, 1), (22, 0))]
    found = recoveries_of(leg(witnesses=witnesses), (KILL, KILL.model_copy(update={"at": "sustain+18 s"})))
    assert [(one.began, one.ended) for one in found] == [(6.0, 7.0), (20.0, 22.0)]


def test_a_fault_that_did_not_take_place_has_no_recovery() -> None:
    assert list(recoveries_of(leg(witnesses=[]), (KILL,))) == []


def test_a_fault_that_did_not_end_lasts_as_long_as_the_load() -> None:
    found = of(leg(failed=(12.0, 32.0), witnesses=[(12.0, "postgres", "fault_kill", 1.0)]))
    assert (found.ended, found.watched, found.failures) == (32.0, 0.0, 400)


@given(st.lists(st.floats(0, 31.9), max_size=6), st.tuples(st.floats(0, 31), st.floats(0, 31)))
def test_times_are_within_what_was_watched(stray: list[float], slow: tuple[float, float]) -> None:
    begin, end = sorted(slow)
    found = of(leg(stray=tuple(round(at * PER_SECOND) / PER_SECOND for at in stray), slow=(begin, end)))
    assert 0 <= found.recovered_after <= found.watched == 15.0
    assert found.failures <= len(stray)
    assert (found.failed_after is None) == (found.failures == 0)
