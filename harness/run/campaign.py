"""Campaign: a run from its first block to its verdict; a target that failed is measured once more before."""

from collections.abc import Callable
from dataclasses import replace

from harness.analysis.noise import differences_of
from harness.environment.base import Environment
from harness.errors import RunFolderError
from harness.plan.model import ARMS, Plan
from harness.record.noise import NoiseOfRun
from harness.record.noise_store import NoiseStore
from harness.record.outcome import Outcome
from harness.run.context import RunContext
from harness.run.experiment import Effort, measure, measure_again
from harness.verdict.analyse import analyse
from harness.verdict.result import Result
from harness.verdict.rules import failed_primary_checks


def run_campaign(context: RunContext, effort: Effort, fresh_environment: Callable[[Plan], Environment]) -> Result:
    """Measure a plan into a run folder and judge it.

    A target that fails on a change is measured once more, before and after only, in a ``fresh_environment``. The noise
    that a control arm measured is kept beside the runs.

    Raises:
        EnvironmentFailedError: when the system under test does not come up or stay up.
        MeasurementError: when the generator breaks.
    """
    measure(context, effort)
    analysis = _analysed(context)
    if effort.confirm and _repeatable(context, analysis) and failed_primary_checks(analysis.verdict.checks):
        arms = {arm: context.plan.arms[arm] for arm in ARMS}
        plan = context.plan.model_copy(update={"attribution": None, "arms": arms})
        source = replace(context.source, plan=plan)
        measure_again(replace(context, source=source, environment=fresh_environment(plan)))
        analysis = _analysed(context)
    _keep_noise(context, analysis)
    return analysis


def _analysed(context: RunContext) -> Result:
    context.observer.say("summarising")
    return analyse(context.folder)


def _repeatable(context: RunContext, analysis: Result) -> bool:
    """Whether a second measurement can follow: the run starts its system itself, and no remote workers are left."""
    failed = analysis.verdict.outcome is Outcome.FAIL
    return failed and context.remote is None and analysis.plan.environment.kind != "external"


def _keep_noise(context: RunContext, analysis: Result) -> None:
    """Keep the noise that the control arm measured; a store that cannot be written costs no verdict."""
    differences = differences_of(analysis.summary)
    if differences and analysis.verdict.outcome is not Outcome.INVALID:
        store = NoiseStore(context.folder.path.parent, analysis.plan, analysis.setup)
        try:
            store.add(NoiseOfRun(context.folder.path.name, differences))
        except RunFolderError as error:
            context.observer.say(f"what the control arm said is not kept for later runs: {error}")
