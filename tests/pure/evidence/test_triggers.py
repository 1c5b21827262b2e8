"""Time in triggers per stage: the increase of the counters, and no value with a gap in the readings."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from harness.analysis.comparison import compare
from harness.analysis.summary import Summary, summarise
from harness.plan.file import parse_plan
from harness.record.outcome import Outcome
from harness.record.readings import SCHEMA
from harness.verdict.judge import Measurement, judge
from harness.verdict.targets import Check, Reason
from tests.doubles import PLAN, synthetic_setup, synthetic_trials
from tests.pure.evidence.test_work import TARGET, WITH_DATABASE

SECOND = 10**9
Told = Mapping[str, Sequence[tuple[float, str, float]]]
"""Readings of each database: ``(second, name, value)``."""


def database(
    per_second: float, *, until: int = 34, begun: float = 500.0, uncounted: float = 0.0, shift: float = 0.0
) -> list[tuple[float, str, float]]:
    """Readings of a database whose triggers take this many ms each second."""
    rows = []
    for number in range(-2, until):
        second = number + shift
        levels = ("commits", 9.0 * number), ("triggers", 3.0), ("triggers_uncounted", uncounted)
        rows += [(second, name, value) for name, value in (*levels, ("trigger_ms", begun + per_second * second))]
    return rows


def without(rows: list[tuple[float, str, float]], first: float, last: float) -> list[tuple[float, str, float]]:
    """The readings without those between two seconds."""
    return [row for row in rows if not first < row[0] < last]


def readings(told: Told) -> pa.Table:
    rows = [
        (int(second * SECOND), f"server:postgres/{name}", what, value)
        for name, found in told.items()
        for second, what, value in found
    ]
    columns: list[Any] = [[row[i] for row in rows] for i in range(len(SCHEMA))]
    arrays = [pa.array(column).cast(field.type) for column, field in zip(columns, SCHEMA, strict=True)]
    return pa.table(arrays, schema=SCHEMA)


def summed(*legs: tuple[Told, Told]) -> Summary:
    """A block for each pair of before and after; its stage sustain is measured from 4 to 32 s."""
    trials = synthetic_trials(parse_plan(WITH_DATABASE.replace("blocks = 2", f"blocks = {len(legs)}")))
    return summarise(
        replace(trial, readings=readings(legs[trial.leg.block - 1][trial.leg.arm == "after"])) for trial in trials
    )


def value(summary: Summary, arm: str, stage: str | None = None, block: int | None = None) -> float | None:
    """The value of the metric for all requests together, ms."""
    row = summary.row(arm, block, stage, None)
    assert row is not None
    per_request = row.value("trigger_ms_per_request")
    return None if per_request is None else per_request * row.requests


@pytest.mark.parametrize("shift", [-0.9, -0.25, 0.0, 0.01, 0.5, 0.999])
def test_a_stage_takes_what_the_counts_rose_between_its_ends(shift: float) -> None:
    told = {"auth": database(30.0, shift=shift), "shop": database(5.0, begun=0.0)}
    summary = summed((told, {"auth": database(10.0), "shop": database(0.0)}))
    assert value(summary, "before", "sustain", 1) == pytest.approx(35.0 * 28)
    assert value(summary, "before", "ramp") == pytest.approx(35.0 * 2)
    assert value(summary, "before") == pytest.approx(35.0 * 28)
    assert value(summary, "after", "sustain") == pytest.approx(10.0 * 28)
    of_endpoint = summary.row("before", 1, "sustain", "POST /interactions")
    assert of_endpoint is not None
    assert of_endpoint.value("trigger_ms_per_request") is None


def test_several_legs_are_taken_together() -> None:
    steady = {"auth": database(30.0)}
    summary = summed((steady, steady), ({"auth": database(10.0)}, {}))
    assert value(summary, "before") == pytest.approx(40.0 * 28)
    assert value(summary, "after") is None  # one of its legs has no readings
    assert value(summary, "after", block=1) == pytest.approx(30.0 * 28)


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"auth": without(database(30.0), -9, 5)},  # from the middle of the stage on
        {"auth": without(database(30.0), 31, 99)},  # not to its end
        {"auth": without(database(30.0), 10, 14)},  # not in between
        {"auth": [*without(database(30.0), 9, 99), *without(database(30.0, begun=0.0), -9, 9)]},  # it began anew
        {"auth": database(30.0, uncounted=1.0)},
        {"auth": database(30.0), "shop": [row for row in database(5.0) if row[1] != "trigger_ms"]},
        {"auth": [row for row in database(30.0) if row[1] != "triggers_uncounted"]},
    ],
)
def test_there_is_no_value_with_a_gap_in_the_readings(told: Told) -> None:
    summary = summed(({"auth": database(30.0)}, told))
    assert value(summary, "after", "sustain") is None
    assert value(summary, "after") is None
    assert value(summary, "before") == pytest.approx(30.0 * 28)


def test_a_database_that_one_leg_of_an_arm_lacks_leaves_that_leg_without_a_value() -> None:
    one, both = {"auth": database(30.0)}, {"auth": database(30.0), "shop": database(5.0)}
    summary = summed((one, both), (one, one))
    assert value(summary, "after", block=1) == pytest.approx(35.0 * 28)
    assert value(summary, "after", block=2) is None
    assert value(summary, "before") == pytest.approx(60.0 * 28)


def test_a_reading_that_comes_late_and_a_sum_in_another_order_are_no_gap() -> None:
    late = [(s, name, v - 1e-9 * (int(s) % 2)) for s, name, v in without(database(0.0), 10, 13)]
    assert value(summed(({"auth": late}, {"auth": late})), "after") == pytest.approx(0.0, abs=1e-6)


def judged(expect: str, before: Told, after: Told) -> Check:
    text = WITH_DATABASE.partition("[[targets]]")[0] + TARGET.format(expect)
    plan = parse_plan(text.replace("blocks = 2", "blocks = 4"))
    summary = summed(*[(before, after)] * 4)
    return judge(Measurement(plan, synthetic_setup(plan), summary, compare(summary))).checks[0]


@pytest.mark.parametrize(
    ("expect", "after", "wanted"),
    [
        ("trigger_ms_per_request falls by 60 %", {"auth": database(10.0)}, Outcome.PASS),
        ("trigger_ms_per_request falls by 60 %", {"auth": database(15.0)}, Outcome.FAIL),
        ("trigger_ms_per_request falls by 60 %", {}, Outcome.INCONCLUSIVE),
        ("trigger_ms_per_request falls by 60 %", {"auth": database(1.0, uncounted=1.0)}, Outcome.INCONCLUSIVE),
        ("trigger_ms_per_request < 0.5 ms", {"auth": database(10.0)}, Outcome.PASS),
        ("trigger_ms_per_request < 0.5 ms", {"auth": database(90.0)}, Outcome.FAIL),
        ("trigger_ms_per_request < 0.5 ms", {}, Outcome.INCONCLUSIVE),
        ("trigger_ms_per_request <= 0 ms", {"auth": database(0.0)}, Outcome.PASS),
        ("trigger_ms_per_request <= 0 ms", {"auth": database(0.1)}, Outcome.FAIL),
    ],
)
def test_trigger_time_is_judged_and_missing_readings_never_pass(expect: str, after: Told, wanted: Outcome) -> None:
    assert judged(expect, {"auth": database(30.0)}, after).outcome is wanted


def test_of_triggers_that_are_gone_the_level_is_judged_as_zero_has_no_ratio() -> None:
    check = judged("trigger_ms_per_request falls by 60 %", {"auth": database(30.0)}, {"auth": database(0.0)})
    assert check.reason is Reason.NO_RATIO
    assert check.pair is not None
    assert check.pair.after == 0


def test_without_readings_there_is_no_value() -> None:
    assert value(summarise(synthetic_trials(parse_plan(PLAN))), "after") is None
