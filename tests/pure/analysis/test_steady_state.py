"""What is left out of stages that were not steady: a table of courses, and that it is the same for every arm."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness.analysis.comparison import compare
from harness.analysis.steady_state import Cut, Settling, Unsteady, _Place, find_settling, settling_stages
from harness.analysis.summary import summarise
from harness.plan.file import parse_plan
from harness.plan.model import Plan
from harness.record.leg import Leg
from harness.record.trial import Trial
from harness.verdict.caveats import caveats_of_run
from harness.verdict.guards import broken_guards
from tests.doubles import synthetic_trials
from tests.examples import examples

PER_SECOND = 10
STAGE = (
    '[[stages]]\nkind = "{kind}"\nseconds = {seconds}\nusers = 5\nwarmup_seconds = {warmup}\nramp_seconds = {ramp}\n'
)
HEAD = """schema = 1
name = "settling"
[environment]
kind = "local"
serve = "serve {port}"
[arms.before]
[arms.after]
[load]
users = ["users.py"]
blocks = 6
seed = 1
"""
Course = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def plan_of(kind: str = "sustain", seconds: int = 90, warmup: int = 10, ramp: int = 0, more: str = "") -> Plan:
    return parse_plan(HEAD + STAGE.format(kind=kind, seconds=seconds, warmup=warmup, ramp=ramp) + more)


def steady(second: NDArray[np.float64]) -> NDArray[np.float64]:
    """20 ms, give or take a little."""
    return 20 * np.exp(0.01 * np.random.default_rng(1).standard_normal(len(second)))


def warming(second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Twice as slow until the 25th second, 15 after the warm-up."""
    return steady(second) * np.where(second < 25, 2.0, 1.0)


def growing(second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Twice as slow at the end."""
    return steady(second) * (1 + second / 90)


def creeping(second: NDArray[np.float64]) -> NDArray[np.float64]:
    """8 % slower at the end."""
    return steady(second) * (1 + 0.08 * second / 90)


def shorter(second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Silent in every third second."""
    return np.where(second % 3 < 1, math.nan, steady(second))


def trials_of(plan: Plan, odd: dict[int, Course]) -> Iterator[Trial]:
    """Trials whose latencies take a course, by the number of the leg; ``steady`` where none is said."""
    for trial in synthetic_trials(plan, rps=PER_SECOND):
        second = np.linspace(0, plan.seconds, len(trial.samples), endpoint=False)
        taken = odd.get(trial.leg.number, steady)(second)
        kept = np.isfinite(taken)
        columns = {"due_ns": second[kept] * 1e9, "sent_ns": second[kept] * 1e9, "duration_ns": taken[kept] * 1e6}
        table = trial.samples.filter(kept)
        for name, values in columns.items():
            place = table.schema.get_field_index(name)
            table = table.set_column(place, table.schema.field(name), pa.array(values.astype(np.int64)))
        yield replace(trial, samples=table, generation=replace(trial.generation, requests=len(table)))


@pytest.mark.parametrize(
    ("odd", "cuts", "unsteady"),
    [
        ({}, (), []),
        ({3: warming}, (Cut(2, "sustain", 15),), []),  # the third leg is the first of block 2
        ({3: warming, 4: warming}, (Cut(2, "sustain", 15),), []),
        ({3: creeping}, (), []),  # less than 10 %
        ({3: growing}, None, [3]),
        ({3: shorter}, (), []),  # too silent to be looked at
    ],
)
def test_what_is_left_out(odd: dict[int, Course], cuts: tuple[Cut, ...] | None, unsteady: list[int]) -> None:
    plan = plan_of()
    found = find_settling(trials_of(plan, odd), settling_stages(plan))
    assert cuts is None or found.cuts == cuts
    assert [one.leg.number for one in found.unsteady] == unsteady
    assert found.blocks == 6


@examples(15)
@given(st.integers(1, 12))
def test_all_legs_of_a_block_lose_the_same_whichever_arm_needs_it(number: int) -> None:
    plan = plan_of()
    found = find_settling(trials_of(plan, {number: warming}), settling_stages(plan))
    block = (number + 1) // 2
    assert found.cuts == (Cut(block, "sustain", 15),)
    for trial in found.steady(trials_of(plan, {})):
        (window,) = trial.generation.windows
        assert window.measured_from == (25 if trial.leg.block == block else 10)
        assert (window.start, window.end) == (0, 90)


@pytest.mark.parametrize(
    ("plan", "looked_at"),
    [
        (plan_of(), True),
        (plan_of("peak"), True),
        (plan_of("endurance"), True),
        (plan_of("ramp", warmup=0, more=STAGE.format(kind="peak", seconds=30, warmup=0, ramp=0)), False),
        (plan_of("stress"), False),
        (plan_of(seconds=60), True),
        (plan_of(seconds=59), False),  # 49 seconds after the warm-up: nine batches
        (plan_of(ramp=10), True),
        (plan_of(ramp=11), False),  # the load itself moves in what is measured
    ],
)
def test_the_stages_that_are_looked_at(plan: Plan, looked_at: bool) -> None:
    assert bool(settling_stages(plan)) is looked_at


def test_a_slope_of_an_endurance_stage_is_a_finding_and_drops_nothing() -> None:
    plan = plan_of("endurance")
    found = find_settling(trials_of(plan, {3: growing}), settling_stages(plan))
    assert found.unsteady == ()


def test_one_unsteady_block_of_six_is_left_out_and_said() -> None:
    plan = plan_of()
    found = find_settling(trials_of(plan, {3: growing, 5: warming}), settling_stages(plan))
    summary = summarise(trials_of(plan, {3: growing, 5: warming}), settling=found)
    assert summary.blocks == [1, 3, 4, 5, 6]
    assert broken_guards(summary) == ()
    caveats = {caveat.code: caveat for caveat in caveats_of_run(summary, compare(summary))}
    assert "INTERRUPTED" not in caveats
    seen, advice = caveats["NOT_STEADY_YET"].seen, caveats["NOT_STEADY_YET"].advice
    assert seen.startswith(
        "latencies were not steady yet: left out are up to 15 s after the warm-up of sustain, of all "
    )
    assert "all of block 2, where latencies of sustain went on changing by" in seen
    assert advice == "lengthen the warm-up, that of sustain by 15 s"


def test_two_unsteady_blocks_of_six_break_the_run_and_stay_to_be_looked_at() -> None:
    plan = plan_of()
    found = find_settling(trials_of(plan, {3: growing, 6: growing}), settling_stages(plan))
    summary = summarise(trials_of(plan, {3: growing, 6: growing}), settling=found)
    assert summary.blocks == [1, 2, 3, 4, 5, 6]
    (breach,) = broken_guards(summary)
    assert breach.code == "NEVER_STEADY"
    assert breach.seen.startswith("2 of 6 blocks never became steady, the worst where latencies of sustain went on")


@pytest.mark.parametrize(
    ("blocks", "unsteady", "mostly_unsteady"),
    [
        (8, 0, False),
        (8, 1, False),
        (8, 2, True),
        (10, 2, False),
        (10, 3, True),
        (4, 1, False),
        (2, 1, False),
        (1, 1, True),
    ],
)
def test_more_than_a_fifth_and_more_than_one_is_hopeless(blocks: int, unsteady: int, mostly_unsteady: bool) -> None:
    plan = plan_of(more="").model_copy(update={"load": plan_of().load.model_copy(update={"blocks": blocks})})
    found = find_settling(
        trials_of(plan, {2 * block - 1: growing for block in range(1, unsteady + 1)}), settling_stages(plan)
    )
    assert found.mostly_unsteady is mostly_unsteady
    assert len(found.dropped) == (0 if mostly_unsteady else unsteady)


def test_legs_that_wander_by_chance_break_no_run() -> None:
    chance, mostly_unsteady, legs = np.random.default_rng(1), 0, 0
    for _ in range(60):
        unsteady = []
        for block in range(1, 9):
            place = _Place("sustain")
            for arm in ("before", "after"):
                course = 0.09 * chance.standard_normal(90)  # 15 % from second to second, with autocorrelation 0.8
                for second in range(1, 90):
                    course[second] += 0.8 * course[second - 1]
                place.courses.append((Leg(1, block, arm), course[30:].tolist()))
            unsteady += [Unsteady(leg, "sustain", change) for leg, change in place.changes(place.cut)]
        mostly_unsteady += Settling(unsteady=tuple(unsteady), legs=(*range(1, 9),) * 2).mostly_unsteady
        legs += len(unsteady)
    assert mostly_unsteady <= 1
    assert legs <= 15  # of 960


def test_no_stage_to_look_at_leaves_nothing_out_and_reads_nothing() -> None:
    assert find_settling(iter(()), frozenset()) == Settling()
    assert find_settling((_ for _ in [1 / 1]), frozenset()) == Settling()  # type: ignore[misc]
