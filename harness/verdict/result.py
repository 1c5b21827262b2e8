"""The result of a run: a function of the files in its folder, for reports and the command line."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from harness.analysis.answers import ResponseAgreement, compare_answers
from harness.analysis.comparison import Comparison, compare
from harness.analysis.noise import Floor, known_floors
from harness.analysis.request_cost import RequestCost, request_costs
from harness.analysis.soundness import SoundnessChecks, record_findings
from harness.analysis.steady_state import find_settling, settling_stages
from harness.analysis.steps import Attribution, attribute
from harness.analysis.summary import Summary, summarise
from harness.evidence.alerts import AlertResults
from harness.evidence.catalogue import recorded_evidence
from harness.evidence.evidence import Evidence, evidence_of
from harness.evidence.migration import MigrationUnderLoad, migration_under_load
from harness.plan.file import fingerprint
from harness.plan.model import Plan
from harness.record.catalogue import CatalogueStore
from harness.record.leg import Leg
from harness.record.noise import ComparisonPlace
from harness.record.run_folder import ROLLED_BACK, RunFolder
from harness.record.selftest import Certificate
from harness.record.setup import Setup
from harness.record.trial import Migration, Trial
from harness.verdict.aborts import AbortedLeg
from harness.verdict.arrivals import stages_lacking_arrivals
from harness.verdict.judge import Measurement, Verdict, judge
from harness.verdict.outcomes import Outcomes, outcomes_of
from harness.verdict.targets import Repeat


@dataclass(frozen=True, slots=True)
class Result:
    """A run, summarised, compared and judged: a function of its folder alone."""

    plan: Plan
    plan_text: str
    setup: Setup
    migrations: Sequence[Migration]
    summary: Summary
    comparison: Comparison
    verdict: Verdict
    outcomes: Outcomes  # of the rows of the comparison
    floors: Mapping[ComparisonPlace, Floor] = field(default_factory=dict)
    attribution: Attribution | None = None  # the contribution of each step, if steps were measured
    certificate: Certificate | None = None  # the newest selftest of this machine at the start of the run
    evidence: Evidence = field(default_factory=Evidence)


def analyse(folder: RunFolder) -> Result:
    """Summarise, compare and judge a run folder; ``RunFolderError`` when a file in it is missing or damaged."""
    setup = folder.read_setup()
    plan, text = folder.read_plan(setup)
    migrations, seals = folder.read_migrations(), folder.read_seals(setup)
    request_work, noise = folder.read_request_work(), folder.read_noise()
    alerts = AlertResults(plan.alerts, plan.readings)
    first, again = SoundnessChecks(plan, seals), SoundnessChecks(plan, seals)
    costs = {arm: request_costs(one) for arm, one in request_work.items()}
    summarised = partial(_summary, folder, plan, migrations, costs)
    summary = summarised(setup.first_legs, lambda trials: alerts.watched(first.watched(trials)))
    comparison = compare(summary, sequential=setup.sequential)
    repeat = None
    if setup.again:
        second = summarised(setup.repeated_legs, again.watched)
        repeat = Repeat(second, compare(second), folder.complete(setup.repeated_legs))
    evidence = evidence_of(
        summary,
        comparison,
        request_work,
        recorded_evidence(CatalogueStore(folder), setup, migrations, summary),
        settings=setup.settings,
        alerts=alerts.found(),
        migration=_migration_under_load(plan, folder),
    )
    legs, recorded = setup.legs, folder.recorded(setup.legs)
    record = record_findings(setup, recorded, seals, folder.changed(seals), plan_fingerprint=fingerprint(text))
    measured = Measurement(
        plan,
        setup,
        summary,
        comparison,
        repeat=repeat,
        noise=noise,
        agreement=_agreement(plan, folder, "after"),
        statuses=first.replies,
        evidence=evidence,
        lost_workers=folder.read_losses(legs),
        incidents=folder.read_incidents(legs),
        unsound=[*record, *first.unsound, *again.unsound],
        aborts=[AbortedLeg.of(trial) for trial in folder.read_aborted(legs)],
        unavailable=folder.read_unavailable(legs),
    )
    verdict, floors, missing = judge(measured), known_floors(noise, summary), stages_lacking_arrivals(summary)
    valid, targets = not verdict.breaches, plan.targets
    outcomes = outcomes_of(comparison, plan.judgement, targets, floors=floors, incomplete_stages=missing, valid=valid)
    steps, certificate = attribute(plan, summary), folder.read_certificate()
    return Result(
        plan, text, setup, migrations, summary, comparison, verdict, outcomes, floors, steps, certificate, evidence
    )


def _summary(
    folder: RunFolder,
    plan: Plan,
    migrations: Sequence[Migration],
    costs: Mapping[str, Mapping[str, RequestCost]],
    legs: Sequence[Leg],
    watched: Callable[[Iterable[Trial]], Iterable[Trial]],
) -> Summary:
    """The summary of some legs; ``watched`` passes the trials through its checks as they are read."""
    return summarise(
        watched(folder.read_trials(legs)),
        migrations,
        plan.limits,
        [fault for _, fault in plan.planned_faults],
        settling=find_settling(folder.read_trials(legs), settling_stages(plan)),
        vocabulary=plan.vocabulary,
        costs=costs,
    )


def _agreement(plan: Plan, folder: RunFolder, other: str) -> ResponseAgreement | None:
    """The response comparison of before with another recorded set of responses; ``None`` where the plan has none."""
    if plan.answers is None:
        return None
    return compare_answers(folder.read_answers("before"), folder.read_answers(other), plan.answers)


def _migration_under_load(plan: Plan, folder: RunFolder) -> MigrationUnderLoad | None:
    if (found := folder.read_migration_record()) is None:
        return None
    record, samples = found
    return migration_under_load(record, samples, _agreement(plan, folder, ROLLED_BACK) if record.answers else None)
