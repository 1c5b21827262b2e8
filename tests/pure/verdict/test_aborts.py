"""A run that a limit ended early never passes."""

from dataclasses import replace

import pytest

from harness.analysis.comparison import compare
from harness.analysis.summary import summarise
from harness.plan.file import parse_plan
from harness.record.generation import Aborted
from harness.record.leg import windows_of
from harness.record.outcome import Outcome
from harness.record.trial import Trial
from harness.verdict.aborts import AbortedLeg
from harness.verdict.caveats import INTERRUPTED
from harness.verdict.judge import Measurement, Verdict, judge
from harness.verdict.outcomes import Outcomes
from harness.verdict.result import Result
from reports.json.run import verdict_record
from reports.junit import to_junit
from reports.page import VerdictPage
from reports.text import to_text
from tests.doubles import PLAN, synthetic_setup, synthetic_trials

PLAN_TEXT = PLAN.replace("falls by 50 %", "falls by 10 %").replace("blocks = 2", "blocks = 4") + (
    '[[aborts]]\nwhen = "p90 > 1 s for 10 s"\nstage = "sustain"\narms = ["before", "after"]\n'
)
EXAMPLE = parse_plan(PLAN_TEXT)
BROKEN = Aborted("p90 > 1 s for 10 s", "sustain", None, 21.0, 3210.0)


def ended(trial: Trial, cpu_share: float = 0.2) -> Trial:
    """A trial whose load was ended early, after 21 s."""
    windows = windows_of(EXAMPLE.stages, BROKEN.second)
    samples = trial.samples.filter(trial.samples["due_ns"].to_numpy() < BROKEN.second * 1e9)
    return replace(
        trial,
        samples=samples,
        generation=replace(
            trial.generation, windows=windows, requests=len(samples), aborted=BROKEN, cpu_share=cpu_share
        ),
    )


def verdict_after(complete: int, arm: str, cpu_share: float = 0.2) -> Verdict:
    """The verdict of some complete blocks and an aborted leg of an arm."""
    trials = list(synthetic_trials(EXAMPLE))
    summary = summarise([trial for trial in trials if trial.leg.block <= complete])
    last = next(trial for trial in trials if trial.leg.block == complete + 1 and trial.leg.arm == arm)
    return judge(
        Measurement(
            EXAMPLE,
            synthetic_setup(EXAMPLE),
            summary,
            compare(summary),
            aborts=[AbortedLeg.of(ended(last, cpu_share))],
        )
    )


@pytest.mark.parametrize("complete", [0, 1, 3])
@pytest.mark.parametrize(("arm", "outcome"), [("after", Outcome.FAIL), ("before", Outcome.INCONCLUSIVE)])
def test_an_abort_of_after_is_a_fail_and_of_before_inconclusive(complete: int, arm: str, outcome: Outcome) -> None:
    verdict = verdict_after(complete, arm)
    assert (verdict.outcome, verdict.breaches) == (outcome, ())
    assert len(verdict.aborts) == 1


@pytest.mark.parametrize("arm", ["after", "before"])
def test_an_abort_with_an_overloaded_generator_is_invalid(arm: str) -> None:
    verdict = verdict_after(3, arm, cpu_share=0.95)
    assert verdict.outcome is Outcome.INVALID
    assert [breach.code for breach in verdict.breaches] == ["GENERATOR_BUSY"]


def test_an_abort_in_a_ramp_breaks_no_guard() -> None:
    trial = next(iter(synthetic_trials(EXAMPLE)))
    early = replace(BROKEN, second=1.5)
    windows = windows_of(EXAMPLE.stages, early.second)
    assert [(window.stage, window.end) for window in windows] == [("ramp", 1.5)]
    samples = trial.samples.filter(trial.samples["due_ns"].to_numpy() < 1.5e9)
    generation = replace(trial.generation, windows=windows, requests=len(samples), aborted=early)
    assert AbortedLeg.of(replace(trial, samples=samples, generation=generation)).breaches == ()


def test_an_abort_is_described_in_one_sentence() -> None:
    stop = verdict_after(1, "after").aborts[0]
    title = stop.leg.title
    assert stop.summary == f"after broke p90 > 1 s for 10 s (sustain) with 3,210 ms, 21 s into leg {title}"
    assert stop.finding.seen == f"the run was aborted: {stop.summary}"


def test_only_an_aborted_trial_is_an_abort() -> None:
    with pytest.raises(ValueError, match="was not ended early"):
        AbortedLeg.of(next(iter(synthetic_trials(EXAMPLE))))


@pytest.mark.parametrize("complete", [0, 3])
def test_every_report_has_the_reason_of_the_abort(complete: int) -> None:
    verdict = verdict_after(complete, "after")
    summary = summarise([trial for trial in synthetic_trials(EXAMPLE) if trial.leg.block <= complete])
    parts = (EXAMPLE, PLAN, synthetic_setup(EXAMPLE), (), summary, compare(summary), verdict, Outcomes({}))
    findings = VerdictPage(Result(*parts))
    assert (findings.outcome, findings.tally) == ("FAIL", "the run was aborted")
    assert findings.headline == f"FAIL: the run was aborted: {verdict.aborts[0].summary}."
    assert "\naborted  the run was aborted: after broke p90" in to_text(findings, width=200)
    junit = to_junit(findings)
    assert '<testcase classname="example" name="aborted">' in junit
    assert 'failures="0"' not in junit
    (record,) = verdict_record(verdict)["stops"]
    assert (record["arm"], record["when"], record["value"]) == ("after", BROKEN.when, BROKEN.value)
    assert INTERRUPTED in verdict.caveats
