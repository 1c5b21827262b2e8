import pytest

from harness.generator.selfwatch import SelfWatch
from harness.readings import GENERATOR
from harness.trial import Window


@pytest.mark.parametrize(
    ("rows", "windows", "share"),
    [
        ([], [(0, 3)], 0.0),
        ([(1, 0.2), (2, 0.4)], [(0, 2)], 0.3),
        ([(0.1, 0.0), (1.1, 1.0), (2.1, 1.0), (3.1, 0.0)], [(0, 2)], 1.0),  # neither the second before nor after
        ([(1, 0.1), (2, 0.1), (3, 0.9), (4, 0.9)], [(0, 2), (2, 4)], 0.9),  # the busier stage
        ([(1, 0.1), (7, 1.0)], [(0, 5)], 0.55),  # nothing was read for six seconds
    ],
)
def test_the_busiest_stage_by_the_readings_whose_middle_is_in_it(
    rows: list[tuple[float, float]], windows: list[tuple[float, float]], share: float
) -> None:
    watch = SelfWatch(0)
    watch.garbage.close()
    watch.rows = [(round(at * 1e9), GENERATOR, "cpu_share", share) for at, share in rows]
    found = watch.cpu_share([Window("", "sustain", start, start, end, 1) for start, end in windows])
    assert found == pytest.approx(share)
