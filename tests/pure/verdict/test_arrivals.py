"""Guards of arrivals, each alone, and a frozen system, which breaks none."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from harness.analysis.comparison import compare
from harness.analysis.summary import summarise
from harness.plan.file import parse_plan
from harness.plan.model import Plan
from harness.record.generation import Generation
from harness.record.outcome import Outcome
from harness.record.trial import Trial
from harness.verdict.caveats import COUPLED, GENERATOR_LATE, STEP_BROKEN
from harness.verdict.guards import GENERATOR_BUSY
from harness.verdict.judge import Measurement, Verdict, judge
from harness.verdict.targets import Reason
from tests.doubles import OPEN_PLAN, PLAN, synthetic_setup, synthetic_trials

OPEN = parse_plan(OPEN_PLAN.replace("falls by 50 %", "falls by 10 %"))
SUSTAIN = 1
AFTER = tuple(t.leg.number for t in synthetic_trials(OPEN) if t.leg.arm == "after")
BEFORE = tuple(t.leg.number for t in synthetic_trials(OPEN) if t.leg.arm == "before")
Spoil = Callable[[Generation], Generation]


def verdict_of(plan: Plan, spoil: Spoil, legs: tuple[int, ...] = (2,), change: float = 0.25) -> Verdict:
    """The verdict of a run with changed facts of some legs."""
    trials = [
        replace(t, generation=spoil(t.generation)) if t.leg.number in legs else t
        for t in synthetic_trials(plan, change=change)
    ]
    summary = summarise(trials)
    return judge(Measurement(plan, synthetic_setup(plan), summary, compare(summary)))


def counted(stage: int = SUSTAIN, **facts: int) -> Spoil:
    """A stage with these counts of arrivals."""

    def spoil(generation: Generation) -> Generation:
        offered = list(generation.offered)
        changed: dict[str, Any] = {"planned": 1200, "started": 1200, "late": 0} | facts
        offered[stage] = replace(offered[stage], **changed)
        return replace(generation, offered=tuple(offered))

    return spoil


def lagging(schedule_ms: float | None, loop_ms: float = 1.0) -> Spoil:
    return lambda generation: replace(generation, schedule_lag_p99_ms=schedule_ms, lag_p99_ms=loop_ms)


def both(*spoils: Spoil) -> Spoil:
    def spoil(generation: Generation) -> Generation:
        for each in spoils:
            generation = each(generation)
        return generation

    return spoil


def kinds(verdict: Verdict) -> list[str]:
    return [breach.code for breach in verdict.breaches]


def test_an_open_run_in_which_all_arrived_in_time_breaks_nothing() -> None:
    verdict = verdict_of(OPEN, lambda generation: generation)
    assert (verdict.outcome, verdict.breaches) == (Outcome.PASS, ())
    assert "ARRIVALS_WAITED" not in [caveat.code for caveat in verdict.caveats]


@pytest.mark.parametrize(
    ("started", "most_users", "broken"),
    [
        (1188, 20, []),  # 99 %
        (1187, 20, ["ARRIVALS_MISSING"]),
        (0, 0, ["ARRIVALS_MISSING"]),
        (600, 399, ["ARRIVALS_MISSING"]),  # one user was free
        (600, 400, []),  # all were at work: the system is what was waited for
    ],
)
def test_missing_arrivals_break_the_guard_where_a_user_was_free(
    started: int, most_users: int, broken: list[str]
) -> None:
    verdict = verdict_of(OPEN, counted(started=started, most_users=most_users))
    assert kinds(verdict) == broken
    assert (verdict.outcome is Outcome.INVALID) is bool(broken)


def test_a_ramp_that_lacks_arrivals_breaks_nothing() -> None:
    assert kinds(verdict_of(OPEN, counted(0, started=1, most_users=1))) == []


def test_missing_arrivals_are_reported_for_the_worst_leg_with_its_numbers() -> None:
    verdict = verdict_of(OPEN, counted(started=900, most_users=12))
    (breach,) = verdict.breaches
    assert breach.code == "ARRIVALS_MISSING"
    assert breach.seen.endswith(
        "900 of 1,200 arrivals of sustain started (75.0%); peak users 12 of 400: the generator could not make the load"
    )
    assert breach.seen.startswith("in leg ")


@pytest.mark.parametrize(
    ("plan", "schedule_ms", "loop_ms", "broken"),
    [
        (OPEN, 4.9, 1.0, []),
        (OPEN, 5.1, 1.0, ["SCHEDULE_LATE"]),
        (OPEN, 0.5, 60.0, []),  # arrivals were in time: a caveat
        (parse_plan(PLAN), None, 60.0, []),  # closed plans have no schedule: a caveat
    ],
)
def test_late_arrivals_break_an_open_run(
    plan: Plan, schedule_ms: float | None, loop_ms: float, broken: list[str]
) -> None:
    verdict = verdict_of(plan, lagging(schedule_ms, loop_ms), AFTER)
    assert kinds(verdict) == broken
    assert (GENERATOR_LATE in verdict.caveats) is (loop_ms > 5)


def test_the_allowed_delay_is_five_percent_of_a_slow_median() -> None:
    assert kinds(verdict_of(OPEN, lagging(10.0), AFTER, change=100.0)) == []
    assert kinds(verdict_of(OPEN, lagging(900.0), AFTER, change=100.0)) == ["SCHEDULE_LATE"]


def test_the_allowed_delay_depends_on_service_time_not_on_response_time() -> None:
    """Every request starts 10 s late: 5 % of that latency would allow half a second."""

    def later(trial: Trial) -> Trial:
        column = trial.samples.schema.get_field_index("sent_ns")
        sent = pa.array(trial.samples["due_ns"].to_numpy() + 10**10)
        samples = trial.samples.set_column(column, trial.samples.schema.field(column), sent)
        return replace(trial, samples=samples, generation=lagging(300.0)(trial.generation))

    summary = summarise([later(trial) for trial in synthetic_trials(OPEN)])
    verdict = judge(Measurement(OPEN, synthetic_setup(OPEN), summary, compare(summary)))
    (breach,) = verdict.breaches
    assert breach.code == "SCHEDULE_LATE"
    found = re.search(r"started 300\.0 ms late or more \(limit (.*) ms\):", breach.seen)
    assert found
    assert float(found[1]) < 20


def test_where_arrivals_waited_for_users_the_delay_of_the_event_loop_counts() -> None:
    """An overloaded generator also runs out of users; the wait must not hide the cause."""
    exhausted = counted(started=600, late=400, most_users=400)
    assert kinds(verdict_of(OPEN, both(exhausted, lagging(0.5, 60.0)))) == ["SCHEDULE_LATE"]
    assert kinds(verdict_of(OPEN, both(exhausted, lagging(0.5, 1.0)))) == []


def test_a_busy_generator_breaks_an_open_run_by_itself() -> None:
    verdict = verdict_of(OPEN, lambda generation: replace(generation, cpu_share=0.81))
    assert verdict.breaches == (GENERATOR_BUSY,)


def test_a_frozen_system_is_a_caveat_with_its_numbers() -> None:
    verdict = verdict_of(OPEN, counted(started=1150, late=200, most_users=400), BEFORE[:1])
    assert verdict.breaches == ()
    (caveat,) = [caveat for caveat in verdict.caveats if caveat.code == "ARRIVALS_WAITED"]
    seen, advice = caveat.seen, caveat.advice
    assert "before 250 of 2," in seen
    assert "after 0 of 2," in seen
    assert seen.endswith("service time does not; 50 never started and are in no latency")
    assert advice.startswith("raise stages[1].users for more concurrency")


def test_a_broken_guard_in_a_step_is_a_caveat_of_the_steps() -> None:
    chain = OPEN_PLAN.replace("[arms.after]", '[arms.after]\nenv = { A = "1", B = "1" }') + (
        '[attribution]\nsteps = [{ name = "a", env = { A = "1" } }, { name = "b", env = { B = "1" } }]\n'
    )
    plan = parse_plan(chain)
    steps = tuple(t.leg.number for t in synthetic_trials(plan) if t.leg.arm == "a")
    verdict = verdict_of(plan, counted(started=900, most_users=12), steps)
    assert (verdict.breaches, STEP_BROKEN in verdict.caveats) == ((), True)


def test_open_loop_load_has_no_coupled_throughput() -> None:
    """Half of the requests of one arm are missing: in closed-loop load that is one finding with its latency."""
    for plan, coupled in ((OPEN, False), (parse_plan(PLAN), True)):
        trials = [
            replace(t, samples=t.samples.take(pa.array(range(0, len(t.samples), 2)))) if t.leg.arm == "after" else t
            for t in synthetic_trials(plan)
        ]
        summary = summarise(trials)
        (check,) = judge(Measurement(plan, synthetic_setup(plan), summary, compare(summary))).checks
        assert (COUPLED in check.caveats) is coupled


@pytest.mark.parametrize(
    ("started", "legs", "outcome", "reason"),
    [
        (1188, AFTER, Outcome.PASS, Reason.MET),  # 99 %
        (1187, AFTER[:1], Outcome.INCONCLUSIVE, Reason.ARRIVALS_MISSING),
        (600, BEFORE, Outcome.PASS, Reason.MET),  # before looks better than it is: what after gains is no less
    ],
)
def test_a_service_that_freezes_until_the_end_does_not_pass(
    started: int, legs: tuple[int, ...], outcome: Outcome, reason: Reason
) -> None:
    verdict = verdict_of(OPEN, counted(started=started, most_users=400), legs)
    (check,) = verdict.checks
    assert (verdict.breaches, check.outcome, check.reason) == ((), outcome, reason)
