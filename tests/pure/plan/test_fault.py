"""Faults as a plan says them: what is understood, what is refused, and where a profile leaves them."""

import pytest

from harness.errors import PlanError
from harness.plan.file import parse_plan
from tests.doubles import PLAN

SERVERS = PLAN.replace("[environment]", '[environment]\nprovides = ["postgres", "redis"]')
PAUSE = 'at = "sustain+10 s"\nkind = "pause"\nservice = "postgres"\nseconds = 5'


def fault(text: str, base: str = SERVERS) -> str:
    return f"{base}\n[[faults]]\n{text}\n"


@pytest.mark.parametrize(
    ("at", "begin"),
    [
        ("sustain", 2.0),
        ("sustain+10 s", 12.0),
        ("sustain + 10 s", 12.0),
        ("sustain+10s", 12.0),
        ("sustain+0.5 s", 2.5),
        ("ramp+1 s", 1.0),
    ],
)
def test_a_fault_begins_so_far_into_its_stage(at: str, begin: float) -> None:
    plan = parse_plan(fault(PAUSE.replace("sustain+10 s", at)))
    assert [second for second, _ in plan.planned_faults] == [begin]


def test_a_stage_may_have_a_name_with_a_plus_in_it() -> None:
    plan = parse_plan(
        fault(PAUSE.replace("sustain+10", "2+2+10"), SERVERS.replace("warmup_seconds = 2", 'name = "2+2"')).replace(
            'stage = "sustain"\n', ""
        )
    )
    assert [(second, one.stage) for second, one in plan.planned_faults] == [(12.0, "2+2")]


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        (PAUSE.replace("sustain", "stress"), "faults[0].at", 'no stage "stress"'),
        (PAUSE.replace("10 s", "30 s"), "faults[0].at", "30 s into a stage of 30 s"),
        (PAUSE.replace("seconds = 5", "seconds = 20"), "faults[0].seconds", "ends 0 s after the load"),
        (PAUSE.replace("\nseconds = 5", ""), "faults[0]", "needs seconds, how long the pause lasts"),
        (PAUSE.replace("pause", "explode"), "faults[0].kind", "Input should be 'pause'"),
        (PAUSE.replace("postgres", "postgers"), "faults[0].service", "known are postgres, redis, service"),
        (PAUSE.replace("pause", "disconnect"), "faults[0].kind", "done to containers"),
        (PAUSE.replace("pause", "cpu"), "faults[0]", "needs cpus, what is left to it, as in cpus = 0.1"),
        (PAUSE.replace("pause", "latency"), "faults[0]", "needs latency_ms, how much later"),
        (PAUSE + "\ncpus = 0.5", "faults[0]", 'cpus is for a fault of kind "cpu", this one is of kind "pause"'),
        (PAUSE + '\nsignal = "breaker_open"', "faults[0].signal", "nothing reads breaker_open; add metrics"),
        (PAUSE + "\nsecond = 5", "faults[0].second", 'did you mean "seconds"?'),
        (PAUSE + "\n[[faults]]\n" + PAUSE.replace("10", "12"), "faults[1].at", "postgres is still under the fault"),
        (PAUSE + "\n[[faults]]\n" + PAUSE, "faults[0].at", "postgres is still under the fault"),
        (PAUSE + "\n[[faults]]\n" + PAUSE.replace("sustain", "x"), "faults[1].at", 'no stage "x"'),
    ],
)
def test_what_cannot_be_done_or_seen_is_refused(text: str, where: str, what: str) -> None:
    with pytest.raises(PlanError) as caught:
        parse_plan(fault(text))
    assert where in {problem.where for problem in caught.value.problems}
    assert what in str(caught.value)


def test_what_runs_already_is_not_struck() -> None:
    external = PLAN.replace('kind = "local"\nserve = "serve --port {port}"', 'kind = "external"')
    for arm in ("before", "after"):
        external = external.replace(f"[arms.{arm}]", f'[arms.{arm}]\nurl = "http://127.0.0.1:1/{arm}"')
    with pytest.raises(PlanError, match="this system runs already"):
        parse_plan(fault(PAUSE, external))


def test_a_recovery_without_a_fault_is_refused() -> None:
    with pytest.raises(PlanError, match="nothing measures recovery_seconds: add a fault"):
        parse_plan(PLAN + '[[targets]]\nexpect = "recovery_seconds < 60 s"\n')


def test_a_profile_moves_a_fault_with_its_stage_and_leaves_its_length() -> None:
    plan = parse_plan(
        fault(PAUSE, SERVERS + "[profiles.half]\ntime = 0.5\n[profiles.tenth]\ntime = 0.1\n"), profile="half"
    )
    ((second, scaled),) = plan.planned_faults
    assert (second, scaled.seconds) == (plan.stages[0].seconds + 5.0, 5.0)


def test_a_fault_that_does_not_fit_a_profile_is_refused() -> None:
    with pytest.raises(PlanError, match="after the load"):
        parse_plan(fault(PAUSE, SERVERS + "[profiles.tenth]\ntime = 0.1\n"), profile="tenth")
