"""The guards of a record, where a table of faults does not show their edges."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.soundness import leg_findings, pause_quantile_ms, record_findings
from harness.finding import Finding
from harness.plan.file import parse_plan
from harness.record.trial import Moment, Seal
from tests.doubles import PLAN, synthetic_setup, synthetic_trials
from tests.trials.ways import read, said

PLANNED = parse_plan(PLAN)
SETUP = synthetic_setup(PLANNED)
TRIAL = next(iter(synthetic_trials(PLANNED)))


@pytest.mark.parametrize(
    ("pauses", "seconds", "seen"),
    [
        ([], 30, 0.0),
        ([300.0], 30, 0.0),  # 1 % of 30 s: nobody of the other 99 % waits
        ([3000.0], 30, 2700.0),
        ([3000.0, 3000.0], 60, 2700.0),
        ([20.0] * 30, 30, 10.0),
    ],
)
def test_how_long_who_comes_at_random_waits_for_a_pause(pauses: list[float], seconds: float, seen: float) -> None:
    assert pause_quantile_ms(np.array(pauses), seconds) == pytest.approx(seen)


@given(st.lists(st.floats(0, 900), max_size=30), st.integers(31, 60))
def test_a_hundredth_of_the_time_lies_before_longer_waits(pauses: list[float], seconds: int) -> None:
    wait = pause_quantile_ms(np.array(pauses), seconds)
    beyond = sum(max(pause - wait, 0.0) for pause in pauses) / (seconds * 1000)
    assert beyond == pytest.approx(0.01) if wait > 0 else beyond <= 0.01 + 1e-12


def names(*trials_of: Finding) -> list[str]:
    return [found.code for found in trials_of]


@pytest.mark.parametrize(
    ("name", "value", "broken"),
    [
        ("users", 10.0, []),
        ("users", 9.0, ["USERS_MISSING"]),
        ("loop_lag_ms", 200.0, []),
        ("loop_lag_ms", 300.0, ["GENERATOR_STILL"]),
    ],
)
def test_what_the_generator_read_of_itself(name: str, value: float, broken: list[str]) -> None:
    assert names(*leg_findings(PLANNED, read(name, value)(TRIAL))) == broken


@pytest.mark.parametrize(("errors", "broken"), [(12, []), (13, ["USERS_BROKE"])])
def test_one_exception_in_a_hundred_requests_is_allowed(errors: int, broken: list[str]) -> None:
    requests = 1280
    assert TRIAL.generation.requests == requests
    assert names(*leg_findings(PLANNED, said(user_errors=errors)(TRIAL))) == broken


def sealed(*legs: tuple[float, float, float, float]) -> dict[str, Seal]:
    """Seals of the first legs, from when their load began and ended on both clocks."""
    return {
        leg.title: Seal(leg.title, Moment(wall, mono), Moment(wall_end, mono_end))
        for leg, (wall, mono, wall_end, mono_end) in zip(SETUP.legs, legs, strict=False)
    }


def breaks(seals: dict[str, Seal]) -> list[str]:
    legs = SETUP.legs[: len(seals)]
    return names(*record_findings(SETUP, legs, seals, [], plan_fingerprint=SETUP.plan_fingerprint))


NOW = 1.8e9


@pytest.mark.parametrize(
    ("legs", "broken"),
    [
        ([(NOW, 10, NOW + 40, 50), (NOW + 60, 70, NOW + 100, 110)], []),
        ([(NOW, 10, NOW + 40.9, 50), (NOW + 60, 70, NOW + 100, 110)], []),  # slewed
        ([(NOW, 10, NOW + 45, 50), (NOW + 65, 70, NOW + 105, 110)], ["CLOCK_STEPPED"]),  # in a leg
        ([(NOW, 10, NOW + 40, 50), (NOW + 50, 70, NOW + 90, 110)], ["CLOCK_STEPPED"]),  # between legs
        ([(NOW, 10, NOW + 40, 50), (NOW + 60, 5, NOW + 100, 45)], ["CLOCK_STEPPED"]),  # started again
        ([(1.0, 10, 41.0, 50)], ["CLOCK_STEPPED"]),  # before the run began
    ],
)
def test_clocks(legs: list[tuple[float, float, float, float]], broken: list[str]) -> None:
    assert breaks(sealed(*legs)) == broken


def test_a_record_with_a_hole_is_not_a_run_that_was_interrupted() -> None:
    first, _, third, *_ = SETUP.legs
    unedited = SETUP.plan_fingerprint
    assert names(*record_findings(SETUP, [first], {}, [], plan_fingerprint=unedited)) == []
    assert names(*record_findings(SETUP, [first, third], {}, [], plan_fingerprint=unedited)) == ["LEGS_MISSING"]


def test_a_fact_that_changes_is_named() -> None:
    title = SETUP.legs[0].title
    seals = {title: replace(sealed((NOW, 10, NOW + 40, 50))[title], facts={"host cores": 64})}
    (found,) = record_findings(SETUP, SETUP.legs[:1], seals, [], plan_fingerprint=SETUP.plan_fingerprint)
    assert (found.code, found.seen) == (
        "SETUP_CHANGED",
        f"host cores was 2 when the run began, and 64 in leg {title}: the setups do not match",
    )
