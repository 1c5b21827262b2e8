"""Campaign: a run from its first block to its verdict: what failed is measured once more before it is said."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from harness.analysis import analyse
from harness.errors import RunFolderError
from harness.experiment import Environment, Observer, Source, measure, measure_again
from harness.judging.check import Outcome
from harness.judging.noise import NoiseOfRun, differences_of
from harness.judging.rules import suspects
from harness.load import Remote, generate
from harness.plan import ARMS, Plan
from harness.result import Result
from harness.store import RunFolder
from harness.stores.noise import NoiseStore


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured: blocks instead of the plan's, seconds in which further ones begin, and failures twice."""

    blocks: int | None = None
    seconds: float | None = None
    confirm: bool = True
    ablate: bool = False


def carry_out(
    source: Source,
    folder: RunFolder,
    environment: Callable[[Plan], Environment],
    observer: Observer,
    effort: Effort,
    *,
    remote: Remote | None = None,
    make_load: Callable[..., None] = generate,
) -> Result:
    """Measure a plan into a run folder and judge it; ``environment`` makes what a plan runs in.

    A target that fails on a change is measured once more, before and after only, in an environment of its own. What a
    control arm said of this machine is kept beside the runs.

    Raises:
        EnvironmentFailedError: when the system under test does not come up or stay up.
        MeasurementError: when the generator breaks.
    """
    plan = source.plan
    measure(
        source,
        folder,
        environment(plan),
        observer,
        blocks=effort.blocks,
        seconds=effort.seconds,
        remote=remote,
        ablate=effort.ablate,
        make_load=make_load,
    )
    analysis = _analysed(folder, observer)
    if effort.confirm and _repeatable(analysis, remote) and suspects(analysis.verdict.checks):
        alone = plan.model_copy(update={"attribution": None, "arms": {arm: plan.arms[arm] for arm in ARMS}})
        measure_again(replace(source, plan=alone), folder, environment(alone), observer, make_load=make_load)
        analysis = _analysed(folder, observer)
    _remember(folder, analysis, observer)
    return analysis


def _analysed(folder: RunFolder, observer: Observer) -> Result:
    observer.say("summarising")
    return analyse(folder)


def _repeatable(analysis: Result, remote: Remote | None) -> bool:
    """Whether a second measurement can follow: of what is started for it, by workers that are still there."""
    plan, sound = analysis.plan, analysis.verdict.outcome is Outcome.FAIL
    return sound and remote is None and plan.environment.kind != "external"


def _remember(folder: RunFolder, analysis: Result, observer: Observer) -> None:
    """Keep what the control arm said; a store that cannot be written costs no verdict."""
    differences = differences_of(analysis.summary)
    if differences and analysis.verdict.outcome is not Outcome.INVALID:
        store = NoiseStore(folder.path.parent, analysis.plan, analysis.setup)
        try:
            store.add(NoiseOfRun(folder.path.name, differences))
        except RunFolderError as error:
            observer.say(f"what the control arm said is not kept for later runs: {error}")
