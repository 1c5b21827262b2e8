from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness.generator.schedule.arrivals import due_times, rate_segments, spawn_at, stage_at
from harness.plan.stages import Stage, StageKind

STAGES = (
    Stage(kind=StageKind.RAMP, seconds=10, users=20),  # 0 -> 20 over ten seconds
    Stage(kind=StageKind.SUSTAIN, seconds=30, users=20),
    Stage(kind=StageKind.PEAK, seconds=10, users=50, ramp_seconds=3),  # 20 -> 50 over three, then flat
    Stage(kind=StageKind.STRESS, seconds=5, users=200),  # at once
    Stage(kind=StageKind.RAMP, name="down", seconds=4, users=2),
)


@pytest.mark.parametrize(
    ("second", "heading"),
    [
        (0, (20, 2.0)),
        (5, (20, 2.0)),
        (9.5, (20, 2.0)),
        (10, (20, 0.01)),  # nothing to spawn: any small rate
        (39.9, (20, 0.01)),
        (40, (50, 10.0)),
        (41.5, (50, 10.0)),
        (43, (50, 10.0)),
        (50, (200, 150.0)),
        (55, (2, 49.5)),
        (57, (2, 49.5)),
        (59, None),
        (1e9, None),
    ],
)
def test_spawn_target_at_a_second(second: float, heading: tuple[int, float] | None) -> None:
    assert spawn_at(STAGES, second) == heading


def test_stage_at_boundaries() -> None:
    assert stage_at(STAGES, 0) == (0, 0)
    assert stage_at(STAGES, 10) == (1, 0)
    assert stage_at(STAGES, 58.5) == (4, 3.5)
    assert stage_at(STAGES, 59) is None
    assert stage_at((), 0) is None


def opened(*stages: tuple[StageKind, float, float, float]) -> tuple[Stage, ...]:
    return tuple(
        Stage(kind=kind, seconds=seconds, rate=rate, ramp_seconds=ramp, users=10, name=str(number))
        for number, (kind, seconds, rate, ramp) in enumerate(stages)
    )


OPEN = opened(
    (StageKind.RAMP, 10, 20, 0),  # 100 arrivals
    (StageKind.SUSTAIN, 10, 20, 0),  # 200
    (StageKind.PEAK, 10, 60, 4),  # 160 while it climbs, then 360
    (StageKind.RAMP, 10, 0.5, 0),  # 302.5
)


def due(stages: tuple[Stage, ...], spacing: str, **more: Any) -> NDArray[np.float64]:  # noqa: ANN401 - of the function under test
    chunks = list(due_times(stages, spacing, more.pop("seed", 7), **more))
    return np.concatenate(chunks) if chunks else np.array([])


@pytest.mark.parametrize(
    ("number", "second"),
    [
        (0, 1 / np.sqrt(2)),  # x² = 1/2
        (49, np.sqrt(49.5)),
        (99, np.sqrt(99.5)),
        (100, 10 + 0.5 / 20),
        (299, 10 + 199.5 / 20),
        (300, 20 + (-20 + np.sqrt(20**2 + 2 * 10 * 0.5)) / 10),  # 20 x + 5 x² = 1/2
        (460, 24 + 0.5 / 60),
        (819, 24 + 359.5 / 60),
    ],
)
def test_uniform_arrivals_follow_the_integral_of_the_rate(number: int, second: float) -> None:
    assert due(OPEN, "uniform")[number] == pytest.approx(second, abs=1e-9)


def test_the_integral_of_the_rate_is_exact_at_segment_boundaries() -> None:
    segments = rate_segments(OPEN)
    assert [segment.expected for segment in segments] == [0, 100, 300, 460, 820]
    assert [segment.start for segment in segments] == [0, 10, 20, 24, 30]
    for segment in segments:
        ends = segment.times_of(np.array([segment.expected, segment.expected + segment.count]))
        assert ends == pytest.approx([segment.start, segment.start + segment.seconds], abs=1e-9)


STAGES_OF_ANY_KIND = st.lists(
    st.tuples(
        st.sampled_from([StageKind.RAMP, StageKind.SUSTAIN, StageKind.STRESS]),
        st.integers(1, 30),
        st.floats(0.01, 50),
        st.sampled_from([0.0, 1.0]),
    ),
    min_size=1,
    max_size=4,
).map(lambda parts: opened(*parts))


@given(STAGES_OF_ANY_KIND, st.sampled_from(["uniform", "poisson"]), st.integers(0, 99), st.integers(1, 5))
def test_arrivals_ascend_and_the_union_of_shares_is_the_whole(
    stages: tuple[Stage, ...], spacing: str, seed: int, of: int
) -> None:
    whole = due(stages, spacing, seed=seed)
    assert (np.diff(whole) >= 0).all()
    assert ((whole >= 0) & (whole <= sum(stage.seconds for stage in stages))).all()
    parts = [due(stages, spacing, seed=seed, share=(index, of)) for index in range(of)]
    assert np.sort(np.concatenate(parts)) == pytest.approx(whole)
    for index, part in enumerate(parts):
        assert part == pytest.approx(whole[index::of])
    assert due(stages, spacing, seed=seed, chunk=97) == pytest.approx(whole)


@given(STAGES_OF_ANY_KIND)
def test_uniform_arrivals_match_the_rate_of_each_stage(stages: tuple[Stage, ...]) -> None:
    whole, start = due(stages, "uniform"), 0.0
    for stage, before in zip(stages, (0.0, *(stage.load for stage in stages)), strict=False):
        wanted = stage.seconds * stage.load - stage.climb_seconds * (stage.load - before) / 2
        found = ((whole >= start) & (whole < start + stage.seconds)).sum()
        assert abs(found - wanted) <= 1 + 1e-6
        start += stage.seconds


def test_the_variance_of_poisson_counts_equals_their_mean() -> None:
    counts = [np.histogram(due(OPEN, "poisson", seed=seed), bins=[0, 10, 20, 30, 40])[0] for seed in range(400)]
    mean, variance = np.mean(counts, axis=0), np.var(counts, axis=0)
    wanted = np.array([100, 200, 520, 302.5])
    assert (np.abs(mean - wanted) < 4 * np.sqrt(wanted / 400)).all()
    assert (np.abs(variance / wanted - 1) < 4 * np.sqrt(2 / 400)).all()


def test_arrivals_depend_on_the_seed() -> None:
    assert due(OPEN, "poisson", seed=1) == pytest.approx(due(OPEN, "poisson", seed=1))
    assert due(OPEN, "poisson", seed=1)[0] != due(OPEN, "poisson", seed=2)[0]


def test_millions_of_arrivals_are_computed_in_chunks() -> None:
    stages = opened((StageKind.SUSTAIN, 86_400, 1_000_000, 0))
    first = next(due_times(stages, "poisson", 7, chunk=1000))
    assert len(first) == 1000
    assert first[-1] == pytest.approx(0.001, rel=0.2)
