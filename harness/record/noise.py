"""A/A noise: differences between before and control in earlier runs under the same load, kept beside the runs.

They are in ``noise/<machine>-<load>.json`` in the folder of the runs; the file may be deleted. A run copies it into
its own folder at its start, so that its report does not change later.
"""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from harness.errors import RunFolderError
from harness.plan.file import fingerprint
from harness.plan.model import Plan
from harness.record.folder import Folder
from harness.record.setup import Setup


@dataclass(frozen=True, slots=True, order=True)
class ComparisonPlace:
    """A metric in one stage and endpoint, or tag; ``None``: pooled."""

    metric: str
    stage: str | None
    endpoint: str | None
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class NoiseRatios:
    """ln(control / before) of every block in one place, in order."""

    metric: str
    stage: str | None
    endpoint: str | None
    ratios: tuple[float, ...]
    tag: str | None = None

    @property
    def place(self) -> ComparisonPlace:
        return ComparisonPlace(self.metric, self.stage, self.endpoint, self.tag)


@dataclass(frozen=True, slots=True)
class NoiseOfRun:
    """The A/A differences of one run."""

    run: str
    differences: tuple[NoiseRatios, ...]


@dataclass(frozen=True, slots=True)
class Noise:
    """The A/A differences of earlier runs on one class of machine under one load."""

    machine: dict[str, str] = field(default_factory=dict)
    load: dict[str, str] = field(default_factory=dict)
    runs: tuple[NoiseOfRun, ...] = ()
    schema: int = 1


FOLDER = "noise"
MAX_RUNS = 50


def machine_of(setup: Setup) -> dict[str, str]:
    """The class of a machine: what decides its noise, as far as known."""
    host = setup.host
    gigabytes = round(float(host.get("memory_bytes", 0)) / 2**30)
    return {
        "system": str(host.get("system", "")).partition(" ")[0],
        "cpu": str(host.get("cpu", "")),
        "cores": str(host.get("cores", "")),
        "memory": f"{gigabytes} GiB",
    }


def load_of(plan: Plan, setup: Setup) -> dict[str, str]:
    """The load, the release of before and the seed data, as fingerprints."""
    stages = json.dumps([stage.model_dump(mode="json") for stage in plan.stages], sort_keys=True)
    before = json.dumps(plan.arms["before"].model_dump(mode="json"), sort_keys=True)
    words = json.dumps(plan.vocabulary.model_dump(mode="json"), sort_keys=True)
    return {
        "plan": plan.name,
        "profile": setup.profile or "",
        "stages": fingerprint(stages),
        "users": setup.users_fingerprint,
        "seed": setup.seed_fingerprint or "",
        "before": fingerprint(before),
        "processes": str(setup.processes),
        "kind": plan.environment.kind,
        **({"words": fingerprint(words)} if plan.readings or plan.tags else {}),
    }


class NoiseStore:
    """The file of one class of machine and one load."""

    def __init__(self, runs: Path, plan: Plan, setup: Setup) -> None:
        self.machine, self.load = machine_of(setup), load_of(plan, setup)
        names = (fingerprint(json.dumps(part, sort_keys=True)) for part in (self.machine, self.load))
        self.path = runs / FOLDER / f"{'-'.join(names)}.json"
        self.folder = Folder(self.path.parent)

    def read(self) -> Noise:
        """The known noise, empty before the first run with a control arm; raises ``RunFolderError`` when damaged."""
        known = self.folder.decode_disposable(self.path.name, Noise, "it only forgets")
        return known or Noise(self.machine, self.load)

    def add(self, run: NoiseOfRun) -> None:
        """Add a run; only the newest ``MAX_RUNS`` are kept. Raises ``RunFolderError`` when it cannot be written."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with _alone(self.path.with_suffix(".lock")):
                known = self.read()
                kept = tuple(one for one in known.runs if one.run != run.run)[1 - MAX_RUNS :]
                self.folder.write_json(self.path.name, asdict(replace(known, runs=(*kept, run))), indent=None)
        except OSError as error:
            raise RunFolderError(f"{self.path}: cannot be written ({error.strerror})") from error


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
