"""Archive: one metric of many recorded runs, read from their reports without a new summary."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError, RunFolderError
from harness.metrics import Metric
from harness.plan.model import Plan
from harness.record.outcome import Outcome
from harness.record.run_folder import RunFolder
from harness.record.setup import Setup


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """The metric and arm of a history; without a stage or endpoint, pooled over them."""

    metric: Metric
    arm: str
    stage: str | None = None
    endpoint: str | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """An interval in ``comparison.json``, in the metric's stored unit."""

    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class RecordedPair:
    """A row of ``comparison.json``, where read back; ``least_samples`` is the smallest sample count of a leg."""

    metric: str
    stage: str | None
    endpoint: str | None
    before: float | None
    after: float | None
    before_interval: Bounds | None = None
    after_interval: Bounds | None = None
    least_samples: int = 0


@dataclass(frozen=True, slots=True)
class ArchivedRun:
    """One run: its value in the metric's stored unit, and its interval where the blocks give one."""

    run: str
    setup: Setup
    plan: Plan
    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class SkippedRun:
    """A run without a value, and why."""

    run: str
    why: str


def read_archive(
    folder: Path, query: HistoryQuery, plan_name: str | None = None
) -> tuple[list[ArchivedRun], list[SkippedRun]]:
    """The runs of a folder, or those of one plan, that have a value, and those that have none, with the reason.

    Entries that are no run folders are ignored. Raises ``RunFolderError`` without such a folder, or any run in it.
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
            entries += _entry(RunFolder.open(path), query, plan_name)
        except HarnessError as error:
            skipped.append(SkippedRun(path.name, str(error).removeprefix(f"{path}: ")))
    return entries, skipped


def _entry(folder: RunFolder, query: HistoryQuery, plan_name: str | None) -> Iterator[ArchivedRun]:
    setup = folder.read_setup()
    if plan_name is not None and setup.plan_name != plan_name:
        return
    plan, _ = folder.read_plan(setup)
    if not folder.has("comparison.json"):
        raise RunFolderError("has no comparison.json; harness report writes it, if a block was completed")
    pairs = folder.decode_key("comparison.json", "pairs", list[RecordedPair])
    if folder.read_object("verdict.json").get("outcome") == Outcome.INVALID:
        raise RunFolderError("INVALID: the measurement broke")
    place = (query.metric.name, query.stage, query.endpoint)
    pair = next((pair for pair in pairs if (pair.metric, pair.stage, pair.endpoint) == place), None)
    value = getattr(pair, query.arm) if pair else None
    if pair is None or value is None:
        raise RunFolderError(_unknown(query, pairs))
    if query.metric.quantile is not None and pair.least_samples < query.metric.min_samples:
        raise RunFolderError(f"too few samples in a leg for {query.metric.label}")
    bounds = pair.before_interval if query.arm == "before" else pair.after_interval
    yield ArchivedRun(
        folder.path.name, setup, plan, value, bounds.low if bounds else None, bounds.high if bounds else None
    )


def _unknown(query: HistoryQuery, pairs: list[RecordedPair]) -> str:
    """Why a run has no value: an unknown stage or endpoint, or no measurement."""
    for what, asked in (("stage", query.stage), ("endpoint", query.endpoint)):
        known = list(dict.fromkeys(found for pair in pairs if (found := getattr(pair, what)) is not None))
        if asked is not None and asked not in known:
            return f'has no {what} "{asked}"; known are {", ".join(known)}'
    return f"has no value of {query.metric.label} there"
