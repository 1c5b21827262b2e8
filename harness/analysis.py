"""Analysis: everything right of the run folder, a function of what is on disk and nothing else."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.answers.agreement import Agreement, agree
from harness.comparison import Comparison, compare
from harness.evidence.rehearsal import Rehearsal, rehearse
from harness.evidence.toll import Toll, tolls_of
from harness.explaining.alarm import Alarms
from harness.explaining.evidence import Evidence, evidence_of
from harness.judging.attribution import Attribution, attribute
from harness.judging.certificate import Certificate
from harness.judging.guard import unasked
from harness.judging.noise import Floor, Place, known_floors
from harness.judging.outcome import Outcomes, outcomes_of
from harness.judging.stop import Stop
from harness.leg import Leg
from harness.measures.examination import Examination
from harness.measures.settling import settle, settling_stages
from harness.measures.soundness import unsound_record
from harness.plan import ARMS, Plan
from harness.plan_file import fingerprint
from harness.setup import Setup
from harness.store import ROLLED_BACK, RunFolder
from harness.stores.survey import SurveyStore
from harness.summary import Summary, summarise
from harness.trial import Migration, Trial
from harness.verdict import Repeat, Verdict, judge


@dataclass(frozen=True, slots=True)
class Analysis:
    """Everything right of the run folder: a function of what is on disk and nothing else."""

    plan: Plan
    plan_text: str
    setup: Setup
    migrations: Sequence[Migration]
    summary: Summary
    comparison: Comparison
    verdict: Verdict
    attribution: Attribution | None
    outcomes: Outcomes
    floors: Mapping[Place, Floor] = field(default_factory=dict)
    """How much equal arms differ, as far as it is known."""
    certificate: Certificate | None = None
    """What the newest selftest of this machine had said when the run began."""
    evidence: Evidence = field(default_factory=Evidence)


def analyse(folder: RunFolder) -> Analysis:
    """Summarise, compare and judge what a run folder holds.

    Raises:
        RunFolderError: when something in it is missing or damaged.
    """
    setup = folder.read_setup()
    plan, text = folder.read_plan(setup)
    migrations = folder.read_migrations()
    seals = folder.read_seals(setup)
    first, again = Examination(plan, seals), Examination(plan, seals)
    inspected = folder.read_inspected()
    tolls = {arm: tolls_of(one) for arm, one in inspected.items()}
    alarms = Alarms(plan.alerts, plan.readings)
    summarising = _Summarising(folder, plan, migrations, tolls)
    summary = summarising.of(setup.legs_first, lambda trials: alarms.watched(first.watched(trials)))
    comparison = compare(summary, sequential=setup.sequential)
    repeat = None
    if setup.again:
        second = summarising.of(setup.legs_again, again.watched)
        repeat = Repeat(second, compare(second), folder.complete(setup.legs_again))
    legs, changed = setup.legs, folder.changed(seals)
    record = unsound_record(setup, folder.recorded(legs), seals, changed, plan_fingerprint=fingerprint(text))
    databases = SurveyStore(folder).findings(setup, migrations, summary)
    rehearsal, noise = _rehearsal(plan, folder), folder.read_noise()
    verdict = judge(
        plan,
        setup,
        summary,
        comparison,
        folder.read_losses(legs),
        incidents=folder.read_incidents(legs),
        noise=noise,
        repeat=repeat,
        agreement=_agreement(plan, folder),
        unsound=[*record, *first.unsound, *again.unsound],
        replies=first.replies,
        stops=[Stop.of(trial) for trial in folder.read_aborted(legs)],
        unread=folder.read_unread(legs),
        flaws=databases.ledger.flaws if databases else (),
        rehearsal=rehearsal,
    )
    floors = known_floors(noise, summary)
    outcomes = outcomes_of(
        comparison,
        plan.judgement,
        plan.targets,
        floors=floors,
        silent=unasked(summary),
        valid=not verdict.breaches,
    )
    attribution = attribute(plan, summary)
    parts = (summary, comparison, verdict, attribution, outcomes, floors)
    evidence = evidence_of(
        comparison,
        inspected,
        databases,
        summary=summary,
        settings=setup.settings,
        alarms=alarms.found(),
        rehearsal=rehearsal,
    )
    return Analysis(plan, text, setup, migrations, *parts, certificate=folder.read_certificate(), evidence=evidence)


@dataclass(frozen=True, slots=True)
class _Summarising:
    """How legs of a run are summarised; ``tolls`` are those of the endpoints in each arm."""

    folder: RunFolder
    plan: Plan
    migrations: Sequence[Migration]
    tolls: Mapping[str, Mapping[str, Toll]]

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


def _agreement(plan: Plan, folder: RunFolder) -> Agreement | None:
    """The recorded answers of both arms side by side, where the plan compares them."""
    if plan.answers is None:
        return None
    before, after = (folder.read_answers(arm) for arm in ARMS)
    return agree(before, after, plan.answers)


def _rehearsal(plan: Plan, folder: RunFolder) -> Rehearsal | None:
    """What the migration did while it ran under load, where that was tried."""
    if (found := folder.read_rehearsal()) is None:
        return None
    record, samples = found
    if plan.answers is None or not record.answers:
        return rehearse(record, samples)
    before, rolled_back = (folder.read_answers(name) for name in ("before", ROLLED_BACK))
    return rehearse(record, samples, agree(before, rolled_back, plan.answers))
