"""Analysis: everything right of the run folder, a function of what is on disk and nothing else."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.analysis.answers import ResponseAgreement, agree
from harness.analysis.comparison import compare
from harness.analysis.examination import SoundnessChecks
from harness.analysis.noise import known_floors
from harness.analysis.request_cost import RequestCost, request_costs
from harness.analysis.settling import settle, settling_stages
from harness.analysis.soundness import unsound_record
from harness.analysis.steps import attribute
from harness.analysis.summary import Summary, summarise
from harness.evidence.alerts import AlertResults
from harness.evidence.catalogue import recorded_evidence
from harness.evidence.evidence import evidence_of
from harness.evidence.migration import MigrationUnderLoad, migration_under_load
from harness.finding import Finding
from harness.plan.file import fingerprint
from harness.plan.model import ARMS, Plan
from harness.record.catalogue_store import CatalogueStore
from harness.record.leg import Leg
from harness.record.run_folder import ROLLED_BACK, RunFolder
from harness.record.trial import Migration, Trial
from harness.verdict.aborts import AbortedLeg
from harness.verdict.arrivals import stages_lacking_arrivals
from harness.verdict.checks import Repeat
from harness.verdict.judge import Measurement, Problems, judge
from harness.verdict.outcomes import outcomes_of
from harness.verdict.result import Result


def analyse(folder: RunFolder) -> Result:
    """Summarise, compare and judge what a run folder holds.

    Raises:
        RunFolderError: when something in it is missing or damaged.
    """
    setup = folder.read_setup()
    plan, text = folder.read_plan(setup)
    migrations, seals = folder.read_migrations(), folder.read_seals(setup)
    inspected, noise = folder.read_inspected(), folder.read_noise()
    alarms = AlertResults(plan.alerts, plan.readings)
    first, again = SoundnessChecks(plan, seals), SoundnessChecks(plan, seals)
    summarising = _Summarising(folder, plan, migrations, {arm: request_costs(one) for arm, one in inspected.items()})
    summary = summarising.of(setup.legs_first, lambda trials: alarms.watched(first.watched(trials)))
    comparison = compare(summary, sequential=setup.sequential)
    repeat = None
    if setup.again:
        second = summarising.of(setup.legs_again, again.watched)
        repeat = Repeat(second, compare(second), folder.complete(setup.legs_again))
    evidence = evidence_of(
        comparison,
        inspected,
        recorded_evidence(CatalogueStore(folder), setup, migrations, summary),
        summary=summary,
        settings=setup.settings,
        alarms=alarms.found(),
        rehearsal=_rehearsal(plan, folder),
    )
    record = unsound_record(
        setup, folder.recorded(setup.legs), seals, folder.changed(seals), plan_fingerprint=fingerprint(text)
    )
    measured = Measurement(
        plan,
        setup,
        summary,
        comparison,
        repeat=repeat,
        noise=noise,
        agreement=_agreement(plan, folder),
        statuses=first.replies,
        evidence=evidence,
        problems=_problems(folder, setup.legs, [*record, *first.unsound, *again.unsound]),
    )
    verdict, floors = judge(measured), known_floors(noise, summary)
    return Result(
        plan=plan,
        plan_text=text,
        setup=setup,
        migrations=migrations,
        summary=summary,
        comparison=comparison,
        verdict=verdict,
        outcomes=outcomes_of(
            comparison,
            plan.judgement,
            plan.targets,
            floors=floors,
            silent=stages_lacking_arrivals(summary),
            valid=not verdict.breaches,
        ),
        floors=floors,
        attribution=attribute(plan, summary),
        certificate=folder.read_certificate(),
        evidence=evidence,
    )


def _problems(folder: RunFolder, legs: Sequence[Leg], unsound: Sequence[Finding]) -> Problems:
    return Problems(
        lost_workers=folder.read_losses(legs),
        incidents=folder.read_incidents(legs),
        unsound=unsound,
        aborts=[AbortedLeg.of(trial) for trial in folder.read_aborted(legs)],
        unavailable=folder.read_unread(legs),
    )


@dataclass(frozen=True, slots=True)
class _Summarising:
    """How legs of a run are summarised; ``tolls`` are those of the endpoints in each arm."""

    folder: RunFolder
    plan: Plan
    migrations: Sequence[Migration]
    tolls: Mapping[str, Mapping[str, RequestCost]]

    def of(self, legs: Sequence[Leg], watched: Callable[[Iterable[Trial]], Iterable[Trial]]) -> Summary:
        """The summary of some legs, each of which is looked at by who watches when it is read."""
        plan = self.plan
        return summarise(
            watched(self.folder.read_trials(legs)),
            self.migrations,
            plan.limits,
            [fault for _, fault in plan.planned_faults],
            settling=settle(self.folder.read_trials(legs), settling_stages(plan)),
            vocabulary=plan.vocabulary,
            tolls=self.tolls,
        )


def _agreement(plan: Plan, folder: RunFolder) -> ResponseAgreement | None:
    """The recorded answers of both arms side by side, where the plan compares them."""
    if plan.answers is None:
        return None
    before, after = (folder.read_answers(arm) for arm in ARMS)
    return agree(before, after, plan.answers)


def _rehearsal(plan: Plan, folder: RunFolder) -> MigrationUnderLoad | None:
    """What the migration did while it ran under load, where that was tried."""
    if (found := folder.read_rehearsal()) is None:
        return None
    record, samples = found
    if plan.answers is None or not record.answers:
        return migration_under_load(record, samples)
    before, rolled_back = (folder.read_answers(name) for name in ("before", ROLLED_BACK))
    return migration_under_load(record, samples, agree(before, rolled_back, plan.answers))
