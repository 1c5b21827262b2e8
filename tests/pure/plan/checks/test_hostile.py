"""The table of ways to be blind: plans that are refused, measurements that are not green, and their documentation."""

from pathlib import Path

import pytest

from harness.analysis.comparison import compare
from harness.analysis.soundness import SoundnessChecks
from harness.analysis.summary import summarise
from harness.errors import PlanError
from harness.plan.file import parse_plan
from harness.plan.model import Plan
from harness.record.trial import Trial
from harness.verdict.judge import Measurement, Verdict, judge
from tests.doubles import PLAN, synthetic_setup, synthetic_trials
from tests.trials.ways import JUDGED, REFUSED, RUNS, TARGET, Judged, Refused, table

DOCUMENT = Path(__file__).parents[4] / "docs" / "guards.md"


def verdict_of(plan: Plan, trials: list[Trial]) -> Verdict:
    """The verdict of trials, examined on their way."""
    examination = SoundnessChecks(plan)
    summary = summarise(list(examination.watched(trials)))
    return judge(
        Measurement(
            plan,
            synthetic_setup(plan),
            summary,
            compare(summary),
            statuses=examination.replies,
            unsound=examination.unsound,
        )
    )


@pytest.mark.parametrize("one", REFUSED, ids=lambda one: one.way.replace(" ", "-"))
def test_a_plan_that_could_not_see_is_refused(one: Refused) -> None:
    assert one.old in PLAN
    with pytest.raises(PlanError) as caught:
        parse_plan(PLAN.replace(one.old, one.new, 1))
    assert one.says in str(caught.value)


@pytest.mark.parametrize("one", JUDGED, ids=lambda one: one.way.replace(" ", "-"))
def test_a_measurement_that_saw_nothing_is_not_green(one: Judged) -> None:
    text = one.plan.replace(TARGET, f'expect = "{one.expect}"').replace("blocks = 2", f"blocks = {one.blocks}")
    plan = parse_plan(text.replace('stage = "sustain"', f'stage = "{one.stage or "sustain"}"'))
    verdict = verdict_of(plan, [one.spoil(trial) for trial in synthetic_trials(plan, change=one.change)])
    assert verdict.outcome.value == one.outcome
    reasons = [check.reason.value for check in verdict.checks if check.outcome.value != "PASS"]
    remarks = [f"{remark.seen} {remark.advice}" for remark in (*verdict.breaches, *verdict.caveats)]
    assert [text for text in (*reasons, *remarks) if one.says in text] or not one.says


def test_the_example_is_green_as_it_is() -> None:
    """Else nothing above would show anything."""
    plan = parse_plan(PLAN.replace(TARGET, 'expect = "p95 < 10 s"'))
    assert verdict_of(plan, list(synthetic_trials(plan))).outcome.value == "PASS"


def test_the_document_has_every_way_and_there_are_many() -> None:
    assert table() in DOCUMENT.read_text(encoding="utf-8")
    assert len(REFUSED) + len(JUDGED) + len(RUNS) >= 40
