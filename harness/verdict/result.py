"""The result of analysing a run folder, as reports and the command line use it."""

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
    """A run, summarised, compared and judged: a function of its folder alone.

    ``outcomes`` are those of the rows of the comparison, ``attribution`` the contribution of each step if steps were
    measured, ``certificate`` the newest selftest of this machine at the start of the run.
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
