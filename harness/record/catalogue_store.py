"""Survey store: what was read of databases while nothing was measured, in the run folder."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from harness.plan.model import ARMS
from harness.record.ablation import Ablation
from harness.record.catalogue import Catalogue, IndexCounts, RecordedPlans
from harness.record.leg import Leg
from harness.record.run_folder import RunFolder
from harness.record.text_files import SCHEMA

T = TypeVar("T")
FOLDER = "evidence"


class CatalogueStore:
    """Files below ``evidence`` of a run."""

    def __init__(self, run: RunFolder) -> None:
        self.run = run

    def write_catalogue(self, arm: str, catalogue: Catalogue) -> None:
        """Record the indexes and foreign keys of an arm."""
        self._write(f"{FOLDER}/catalogues/{arm}.json", {"schema": SCHEMA, **asdict(catalogue)})

    def read_catalogues(self) -> dict[str, Catalogue]:
        """Those of before and after, as far as they were read."""
        return dict(self._read("catalogues", Catalogue))

    def write_plans(self, arm: str, survey: RecordedPlans) -> None:
        """Record how an arm went about its statements."""
        self._write(f"{FOLDER}/plans/{arm}.json", asdict(survey))

    def read_plans(self) -> dict[str, RecordedPlans]:
        """Those of before and after, as far as they were made."""
        return dict(self._read("plans", RecordedPlans))

    def write_ablation(self, ablation: Ablation) -> None:
        """Record what was measured without indexes, as far as it has come."""
        self._write(f"{FOLDER}/ablation/indexes.json", asdict(ablation))

    def read_ablation(self) -> Ablation | None:
        """What was measured without indexes; ``None`` where nothing was."""
        name = f"{FOLDER}/ablation/indexes.json"
        return self.run.decode(name, Ablation) if (self.run.path / name).is_file() else None

    def read_index_counts(self, legs: Sequence[Leg]) -> list[IndexCounts]:
        """The uses of indexes in some legs under load, as far as they were counted."""
        return [one for leg in legs for one in self._counted(f"trials/{leg.title}/objects.json")]

    def _counted(self, name: str) -> Iterator[IndexCounts]:
        if not (self.run.path / name).is_file():
            return
        for database in self.run.read_object(name).get("databases", []):
            for index in database.get("indexes", []):
                shown = str(index["name"]).removeprefix("public.")
                yield IndexCounts(shown, int(index["scans"]), int(index["entries_read"]), database.get("service"))

    def _read(self, what: str, kind: type[T]) -> Iterator[tuple[str, T]]:
        for arm in ARMS:
            name = f"{FOLDER}/{what}/{arm}.json"
            if (self.run.path / name).is_file():
                yield arm, self.run.decode(name, kind)

    def _write(self, name: str, data: Mapping[str, Any]) -> None:
        (self.run.path / name).parent.mkdir(parents=True, exist_ok=True)
        self.run.write_json(name, data, indent=None)
