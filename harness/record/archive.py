"""Archive: the recorded runs of a folder, each as far as a history needs it: nothing is summarised anew."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError, RunFolderError
from harness.metrics import Metric
from harness.plan.model import Plan
from harness.record.comparison import RecordedPair
from harness.record.outcome import Outcome
from harness.record.run_folder import RunFolder
from harness.record.setup import Setup

NO_RECORD = "has no comparison.json; harness report writes it, if a block was completed"


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """What is followed: a metric of an arm, in a stage and endpoint or in all."""

    metric: Metric
    arm: str
    stage: str | None = None
    endpoint: str | None = None


@dataclass(frozen=True, slots=True)
class ArchivedRun:
    """One run: the value, with its interval where the blocks give one, in the metric's stored unit."""

    run: str
    setup: Setup
    plan: Plan
    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class SkippedRun:
    """A run that is on no line, and why."""

    run: str
    why: str


def read_archive(
    folder: Path, question: HistoryQuery, plan_name: str | None = None
) -> tuple[list[ArchivedRun], list[SkippedRun]]:
    """The runs of a folder that answer a question, and those that do not, with the reason.

    Args:
        folder: where runs go, one folder each; what is no run folder is left aside.
        question: what is asked of each.
        plan_name: the runs of this plan alone, of all others nothing is said.

    Raises:
        RunFolderError: when there is no such folder, or no run in it.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if (path / "setup.json").is_file())
    except OSError as error:
        raise RunFolderError(f"{folder}: cannot be read ({error.strerror}); name the folder that runs go to") from error
    if not paths:
        raise RunFolderError(f"{folder}: no recorded run in it; name the folder that --out of harness run named")
    entries: list[ArchivedRun] = []
    skipped: list[SkippedRun] = []
    for path in paths:
        try:
            entries += _entry(RunFolder.open(path), question, plan_name)
        except HarnessError as error:
            skipped.append(SkippedRun(path.name, str(error).removeprefix(f"{path}: ")))
    return entries, skipped


def _entry(folder: RunFolder, question: HistoryQuery, plan_name: str | None) -> Iterator[ArchivedRun]:
    setup = folder.read_setup()
    if plan_name is not None and setup.plan_name != plan_name:
        return
    plan, _ = folder.read_plan(setup)
    pairs = folder.read_pairs()
    if pairs is None:
        raise RunFolderError(NO_RECORD)
    if folder.read_outcome() == Outcome.INVALID:
        raise RunFolderError("INVALID: the measurement broke")
    place = (question.metric.name, question.stage, question.endpoint)
    pair = next((pair for pair in pairs if (pair.metric, pair.stage, pair.endpoint) == place), None)
    value = getattr(pair, question.arm) if pair else None
    if pair is None or value is None:
        raise RunFolderError(_unknown(question, pairs))
    if question.metric.quantile is not None and pair.least_samples < question.metric.min_samples:
        raise RunFolderError(f"too few samples in a leg for {question.metric.label}")
    bounds = pair.before_interval if question.arm == "before" else pair.after_interval
    yield ArchivedRun(
        folder.path.name, setup, plan, value, bounds.low if bounds else None, bounds.high if bounds else None
    )


def _unknown(question: HistoryQuery, pairs: list[RecordedPair]) -> str:
    """Why a run has no value: a stage or an endpoint that it does not know, or nothing was measured there."""
    for what, asked in (("stage", question.stage), ("endpoint", question.endpoint)):
        known = list(dict.fromkeys(found for pair in pairs if (found := getattr(pair, what)) is not None))
        if asked is not None and asked not in known:
            return f'has no {what} "{asked}"; known are {", ".join(known)}'
    return f"has no value of {question.metric.label} there"
