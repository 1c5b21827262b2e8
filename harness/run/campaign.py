"""A run from its first block to its verdict, with the confirmation of failed targets."""

from collections.abc import Callable
from dataclasses import replace

from harness.analysis.noise import differences_of
from harness.environment.base import Environment
from harness.errors import RunFolderError
from harness.plan.model import ARMS, Plan
from harness.record.noise import NoiseOfRun, NoiseStore
from harness.record.outcome import Outcome
from harness.run.context import RunContext
from harness.run.experiment import Effort, measure, measure_again
from harness.verdict.result import Result, analyse
from harness.verdict.rules import failures_to_confirm


def run_campaign(context: RunContext, effort: Effort, fresh_environment: Callable[[Plan], Environment]) -> Result:
    """Measure a plan into a run folder and judge it; raises as ``measure``.

    If a target fails on a change, before and after are measured again in a ``fresh_environment``. The noise that a
    control arm measured is stored beside the runs.
    """
    measure(context, effort)
    result = _analysed(context)
    if effort.confirm and _repeatable(context, result) and failures_to_confirm(result.verdict.checks):
        arms = {arm: context.plan.arms[arm] for arm in ARMS}
        plan = context.plan.model_copy(update={"attribution": None, "arms": arms})
        source = replace(context.source, plan=plan)
        measure_again(replace(context, source=source, environment=fresh_environment(plan)))
        result = _analysed(context)
    _store_noise(context, result)
    return result


def _analysed(context: RunContext) -> Result:
    context.observer.say("analysing")
    return analyse(context.folder)


def _repeatable(context: RunContext, result: Result) -> bool:
    """Whether a FAIL can be measured again: the run starts the system, and remote workers have not ended."""
    failed = result.verdict.outcome is Outcome.FAIL
    return failed and context.remote is None and result.plan.environment.starts


def _store_noise(context: RunContext, result: Result) -> None:
    """Store the A/A noise of the control arm; an error of the store does not end the run."""
    differences = differences_of(result.summary)
    if differences and result.verdict.outcome is not Outcome.INVALID:
        store = NoiseStore(context.folder.path.parent, result.plan, result.setup)
        try:
            store.add(NoiseOfRun(context.folder.path.name, differences))
        except RunFolderError as error:
            context.observer.say(f"the noise of this run is not stored for later runs: {error}")
