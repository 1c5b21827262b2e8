import pytest

from harness.generator.arrivals import spawn_at, stage_at, users_at
from harness.stage import Stage, StageKind

STAGES = (
    Stage(kind=StageKind.RAMP, seconds=10, users=20),  # 0 -> 20 over ten seconds
    Stage(kind=StageKind.SUSTAIN, seconds=30, users=20),
    Stage(kind=StageKind.PEAK, seconds=10, users=50, ramp_seconds=3),  # 20 -> 50 over three, then flat
    Stage(kind=StageKind.STRESS, seconds=5, users=200),  # at once
    Stage(kind=StageKind.RAMP, name="down", seconds=4, users=2),
)


@pytest.mark.parametrize(
    ("second", "users", "heading"),
    [
        (0, 0, (20, 2.0)),
        (5, 10, (20, 2.0)),
        (9.5, 19, (20, 2.0)),
        (10, 20, (20, 0.01)),  # nothing to spawn: any small rate
        (39.9, 20, (20, 0.01)),
        (40, 20, (50, 10.0)),
        (41.5, 35, (50, 10.0)),
        (43, 50, (50, 10.0)),
        (50, 200, (200, 150.0)),
        (55, 200, (2, 49.5)),
        (57, 101, (2, 49.5)),
        (59, 0, None),
        (1e9, 0, None),
    ],
)
def test_users_at_a_second(second: float, users: float, heading: tuple[int, float] | None) -> None:
    assert users_at(STAGES, second) == pytest.approx(users)
    assert spawn_at(STAGES, second) == heading


def test_stage_at_its_borders() -> None:
    assert stage_at(STAGES, 0) == (0, 0)
    assert stage_at(STAGES, 10) == (1, 0)
    assert stage_at(STAGES, 58.5) == (4, 3.5)
    assert stage_at(STAGES, 59) is None
    assert stage_at((), 0) is None
