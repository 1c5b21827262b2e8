"""Readings beside the load as CPU, memory and growth, stage by stage."""

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from harness.analysis.summary import Summary, summarise
from harness.analysis.usage import Consumer, MemoryTrend
from harness.plan.file import parse_plan
from harness.record.readings import CPU, MEMORY, SCHEMA
from harness.record.trial import Trial
from harness.statistics.intervals import Interval
from tests.doubles import PLAN, synthetic_trials

ENDURANCE = '[[stages]]\nkind = "endurance"\nseconds = 80\nusers = 20\n'


COURSES = {0.0: {MemoryTrend.STEADY, MemoryTrend.UNDECIDED}, 0.2: {MemoryTrend.GROWS}, -0.2: {MemoryTrend.SHRINKS}}


def measured(text: str, growth_mb: float = 0.0, *, blocks: int = 1) -> Summary:
    """Memory of 100 MB that grows by so much a second and has noise of 1 MB; after uses half the CPU of before."""
    plan = parse_plan(text.replace("blocks = 4", f"blocks = {blocks}"))
    return summarise([with_readings(trial, growth_mb) for trial in synthetic_trials(plan)])


def with_readings(trial: Trial, growth_mb: float) -> Trial:
    noise = np.random.default_rng(trial.leg.number)
    cpu = 0.8 if trial.leg.arm == "before" else 0.4
    rows: list[tuple[int, str, str, float]] = []
    for second in range(int(trial.generation.windows[-1].end)):
        at_ns = second * 10**9 + 1
        for source, megabytes in (("postgres", 300), ("redis", 50), ("auth", 100), ("payment", 60)):
            grown = megabytes + growth_mb * second + noise.normal()
            rows += [(at_ns, source, CPU, cpu), (at_ns, source, MEMORY, grown * 1e6)]
        rows.append((at_ns, "generator", "cpu_share", 0.1))
    columns: list[Any] = [[row[i] for row in rows] for i in range(len(SCHEMA))]
    arrays = [pa.array(column).cast(field.type) for column, field in zip(columns, SCHEMA, strict=True)]
    return replace(trial, readings=pa.table(arrays, schema=SCHEMA))


def test_a_stage_has_the_cpu_and_memory_of_its_processes() -> None:
    summary = measured(PLAN, blocks=2)
    for stage in (None, "sustain"):
        row = summary.row("after", 1, stage, None)
        assert row is not None
        assert row.value("database_cpu") == pytest.approx(0.4)
        assert row.value("cache_memory") == pytest.approx(50, abs=5)
        assert row.value("service_memory") == pytest.approx(160, abs=10)
    of_endpoint = summary.row("after", 1, "sustain", "GET /content/{id}")
    assert of_endpoint is not None
    assert (
        of_endpoint.value("database_cpu"),
        of_endpoint.value("cache_memory"),
        of_endpoint.value("service_memory"),
    ) == (None, None, None)


def test_servers_and_services_are_told_apart_and_the_generator_is_neither() -> None:
    summary = measured(PLAN, blocks=2)
    assert [(c.arm, c.name) for c in summary.consumers] == [
        (arm, name) for arm in dict.fromkeys(c.arm for c in summary.consumers)
        for name in ("postgres", "redis", "auth", "payment")
    ]  # fmt: skip
    assert all(consumer.growth is None for consumer in summary.consumers)  # no endurance stage


@pytest.mark.parametrize("blocks", [1, 6])
@pytest.mark.parametrize("growth_mb", [*COURSES])
def test_growth_is_seen_where_there_is_some(growth_mb: float, blocks: int) -> None:
    for consumer in measured(PLAN + ENDURANCE, growth_mb, blocks=blocks).consumers:
        growth = consumer.growth
        assert growth is not None
        assert growth.low <= growth.value <= growth.high
        assert growth.value == pytest.approx(3600 * growth_mb, abs=100)
        if growth_mb:
            assert growth.low * growth.high > 0
        assert consumer.course in COURSES[growth_mb]


@pytest.mark.parametrize(
    ("growth", "course"),
    [
        (None, None),
        (Interval(0.0, 0.0, 0.0), MemoryTrend.STEADY),
        (Interval(0.1, 0.09, 0.12), MemoryTrend.STEADY),  # not zero, and not worth a word
        (Interval(-5.0, -6.0, 6.0), MemoryTrend.STEADY),
        (Interval(0.0, -14.0, 56.0), MemoryTrend.UNDECIDED),
        (Interval(3.0, 1.0, 7.0), MemoryTrend.UNDECIDED),
        (Interval(7.0, -1.0, 15.0), MemoryTrend.UNDECIDED),
        (Interval(7.0, 1.0, 15.0), MemoryTrend.GROWS),
        (Interval(-7.0, -15.0, -1.0), MemoryTrend.SHRINKS),
    ],
)
def test_steady_is_shown_by_an_interval_as_growth_is(growth: Interval | None, course: MemoryTrend | None) -> None:
    assert Consumer("after", "auth", 0.1, 98.7, growth, detectable=6.0).course is course


def test_less_than_a_step_of_an_allocator_is_no_growth() -> None:
    plan = PLAN.replace("blocks = 4", "blocks = 1") + ENDURANCE  # 80 s tell 45 MB/h
    trials = [without_noise(trial) for trial in synthetic_trials(parse_plan(plan))]
    for consumer in summarise(trials).consumers:
        assert consumer.detectable == pytest.approx(45, rel=0.05)
        assert consumer.growth is not None
        assert consumer.growth.low > 0
        assert consumer.growth.value == pytest.approx(36)
        assert consumer.course is MemoryTrend.STEADY


def without_noise(trial: Trial) -> Trial:
    """Memory that grows by 0.01 MB every second."""
    rows = [
        (s * 10**9 + 1, "auth", MEMORY, (100 + 0.01 * s) * 1e6) for s in range(int(trial.generation.windows[-1].end))
    ]
    columns: list[Any] = [[row[i] for row in rows] for i in range(len(SCHEMA))]
    arrays = [pa.array(column).cast(field.type) for column, field in zip(columns, SCHEMA, strict=True)]
    return replace(trial, readings=pa.table(arrays, schema=SCHEMA))


def test_without_readings_there_is_nothing() -> None:
    summary = summarise(list(synthetic_trials(parse_plan(PLAN))))
    assert summary.consumers == ()
    row = summary.row("after", None, None, None)
    assert row is not None
    assert row.value("database_cpu") is None
