"""How many processes made the load is said where it was more than one."""

from dataclasses import replace

import pytest

import reports
from harness.analysis.comparison import compare
from harness.analysis.summary import summarise
from harness.plan.file import parse_plan
from harness.record.generation import GeneratorProcess, LostWorker
from harness.verdict.judge import Measurement, judge
from harness.verdict.outcomes import outcomes_of
from harness.verdict.result import Result
from tests.doubles import PLAN, synthetic_setup, synthetic_trials
from tests.pure.reports.conftest import render_undrawn


@pytest.mark.parametrize(
    ("hosts", "said"),
    [((), ""), (("a", "a", "a", "a"), "load from 4 processes"), (("a", "b", "a"), "load from 3 processes on 2 hosts")],
)
def test_the_load_is_from_so_many_processes(hosts: tuple[str, ...], said: str) -> None:
    plan, shares = parse_plan(PLAN), tuple(GeneratorProcess("w", host, 1, 0.1, 1.0, 0.0, 0.1, 0.0) for host in hosts)
    trials = [replace(t, generation=replace(t.generation, workers=shares)) for t in synthetic_trials(plan)]
    summary = summarise(trials)
    comparison = compare(summary)
    setup = synthetic_setup(plan)
    verdict = judge(Measurement(plan, setup, summary, comparison))
    outcomes = outcomes_of(comparison, plan.judgement)
    result = Result(plan, PLAN, setup, (), summary, comparison, verdict, outcomes)
    for shown in (reports.text(result, width=120), render_undrawn(result)["report.html"]):
        assert ("load from" in shown) is bool(said)
        assert said in shown


def test_a_lost_worker_is_named_in_every_form_and_cannot_break_the_page() -> None:
    plan, setup = parse_plan(PLAN), synthetic_setup(parse_plan(PLAN))
    summary = summarise(list(synthetic_trials(plan)))
    comparison = compare(summary)
    loss = LostWorker("worker 2 (<b>, pid 7)", "03-after", 12.4, "not heard of for 3 s")
    verdict = judge(Measurement(plan, setup, summary, comparison, lost_workers=[loss]))
    outcomes = outcomes_of(comparison, plan.judgement)
    result = Result(plan, PLAN, setup, (), summary, comparison, verdict, outcomes)
    files = render_undrawn(result)
    told = "was lost 12 s into leg 03-after: not heard of for 3 s"
    assert all(
        told in " ".join(files[name].split()) for name in ("report.html", "summary.md", "junit.xml", "verdict.json")
    )
    assert "(<b>, pid 7)" not in files["report.html"]
    assert "INVALID" in reports.text(result, width=200)
