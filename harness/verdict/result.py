"""Result: all that the analysis of a run hands on to the reports and to the command line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.analysis.comparison import Comparison
from harness.analysis.noise import Floor
from harness.analysis.steps import Attribution
from harness.analysis.summary import Summary
from harness.evidence.evidence import Evidence
from harness.plan.model import Plan
from harness.record.noise import ComparisonPlace
from harness.record.selftest import Certificate
from harness.record.setup import Setup
from harness.record.trial import Migration
from harness.verdict.judge import Verdict
from harness.verdict.outcomes import Outcomes


@dataclass(frozen=True, slots=True)
class Result:
    """A run, measured, compared and judged: a function of what is in its folder and nothing else.

    Attributes:
        plan: what was asked.
        plan_text: the same, word for word.
        setup: on what it ran.
        migrations: what bringing each arm to its revision took.
        summary: percentiles and rates per arm, block, stage and endpoint.
        comparison: before and after side by side.
        verdict: every target judged.
        outcomes: what each row of the comparison shows.
        floors: how much equal arms differ, as far as it is known.
        attribution: what each step between the arms did, when they were measured.
        certificate: what the newest selftest of this machine had shown when the run began.
        evidence: what the servers report of the causes.
    """

    plan: Plan
    plan_text: str
    setup: Setup
    migrations: Sequence[Migration]
    summary: Summary
    comparison: Comparison
    verdict: Verdict
    outcomes: Outcomes
    floors: Mapping[ComparisonPlace, Floor] = field(default_factory=dict)
    attribution: Attribution | None = None
    certificate: Certificate | None = None
    evidence: Evidence = field(default_factory=Evidence)
