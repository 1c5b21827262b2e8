"""Store: the run folder. Everything a report needs is in it, each file written whole and renamed into place."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from harness.errors import RunFolderError
from harness.plan.file import parse_plan
from harness.plan.model import COPIES, Plan
from harness.record.answers import SCHEMA as ANSWERS
from harness.record.answers import RecordedAnswers
from harness.record.comparison import RecordedPair
from harness.record.executions import FILE as EXECUTIONS
from harness.record.executions import Executions, read_executions, write_executions
from harness.record.folder import SCHEMA, Folder, validated
from harness.record.generation import Generation, LostWorker
from harness.record.leg import Leg
from harness.record.migration import MigrationRecord
from harness.record.noise import Noise
from harness.record.readings import SCHEMA as READINGS
from harness.record.readings import UnavailableReading, read_readings, write_readings
from harness.record.request_work import RequestWork
from harness.record.samples import read_samples
from harness.record.seal import NAME, changed_files, digests, migration_changes, migration_digests, setup_digest
from harness.record.selftest import Certificate
from harness.record.setup import Setup
from harness.record.trial import Incident, Migration, Seal, Startup, Trial

ROLLED_BACK = "rolled-back"
"""What the answers of before go by, once it was migrated and rolled back."""


class RunFolder(Folder):
    """One run on disk."""

    @classmethod
    def create(cls, parent: Path, name: str) -> "RunFolder":
        """Make a new, empty run folder; a number is added when the name is taken.

        Raises:
            RunFolderError: when it cannot be made.
        """
        for number in range(1, 1000):
            path = parent / (name if number == 1 else f"{name}-{number}")
            try:
                path.mkdir(parents=True)
            except FileExistsError:
                if not path.is_dir():
                    raise RunFolderError(f"{path}: a file is in the way; choose another --out") from None
                continue
            except OSError as error:
                raise RunFolderError(f"{path}: cannot be made ({error.strerror}); choose another --out") from error
            return cls(path)
        raise RunFolderError(f"{parent}: too many runs named {name}")

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """Open a recorded run.

        Raises:
            RunFolderError: when there is none.
        """
        if not (path / "setup.json").is_file():
            what = (
                "no such folder" if not path.exists() else "not a run folder, or nothing was measured (no setup.json)"
            )
            raise RunFolderError(f"{path}: {what}")
        return cls(path)

    @property
    def logs(self) -> Path:
        """Where the logs of servers, commands and services go."""
        return self.path / "logs"

    @property
    def rehearsal(self) -> Path:
        """Where the record of the migration under load goes."""
        return self.path / "rehearsal"

    def trial_folder(self, leg: Leg) -> Path:
        """Where a leg's record goes."""
        return self.path / "trials" / leg.title

    def write_setup(self, setup: Setup) -> None:
        """Record what the run is measured on."""
        self.write_json("setup.json", asdict(setup))

    def write_migrations(self, migrations: Sequence[Migration]) -> None:
        """Record what the migrations took."""
        self.write_json("migrations.json", {"schema": SCHEMA, "migrations": [asdict(m) for m in migrations]})

    def write_noise(self, noise: Noise) -> None:
        """Record what was known of the machine when the run began."""
        self.write_json("noise.json", asdict(noise))

    def read_noise(self) -> Noise | None:
        """What was known of the machine when the run began; ``None`` of older runs."""
        return self.decode("noise.json", Noise) if (self.path / "noise.json").exists() else None

    def write_inspected(self, inspected: RequestWork) -> None:
        """Record what the servers did for each request of the corpus."""
        (self.path / "evidence").mkdir(exist_ok=True)
        self.write_json(f"evidence/{inspected.arm}.json", asdict(inspected), indent=None)

    def read_inspected(self) -> dict[str, RequestWork]:
        """What the servers did for each request, by arm; empty where that was not looked at."""
        names = sorted(path.name for path in self.path.glob("evidence/*.json"))
        found = [self.decode(f"evidence/{name}", RequestWork) for name in names]
        return {inspected.arm: inspected for inspected in found}

    def write_certificate(self, certificate: Certificate) -> None:
        """Record what the newest selftest of this machine had said when the run began."""
        self.write_json("certificate.json", asdict(certificate))

    def read_certificate(self) -> Certificate | None:
        """What the newest selftest of the machine had said when the run began; ``None`` where there was none."""
        return self.decode("certificate.json", Certificate) if (self.path / "certificate.json").exists() else None

    def write_rehearsal(self, record: MigrationRecord) -> None:
        """Record what came of the migration under load."""
        self.rehearsal.mkdir(parents=True, exist_ok=True)
        self.write_json("rehearsal/record.json", asdict(record))
        self.write_json(f"rehearsal/{NAME}", {"schema": SCHEMA, "files": migration_digests(self.path)})

    def read_rehearsal(self) -> tuple[MigrationRecord, pa.Table] | None:
        """What came of the migration under load, and its samples; ``None`` where it was not tried."""
        if not (self.rehearsal / "record.json").exists():
            return None
        return self.decode("rehearsal/record.json", MigrationRecord), read_samples(self.rehearsal / "samples")

    def origin_of_rehearsal(self) -> float | None:
        """When the load began that the migration ran under, in seconds since 1970; ``None`` where it did not end."""
        if not (self.rehearsal / "windows.json").is_file():
            return None
        return datetime.fromisoformat(self.decode("rehearsal/windows.json", Generation).origin).timestamp()

    def write_startup(self, leg: Leg, startup: Startup) -> None:
        """Record how the arm came up for a leg."""
        self.trial_folder(leg).mkdir(parents=True, exist_ok=True)
        self.write_json(f"trials/{leg.title}/startup.json", asdict(startup))

    def write_incidents(self, leg: Leg, incidents: Sequence[Incident]) -> None:
        """Record what happened to containers in a leg, if anything did."""
        if incidents:
            found = {"schema": SCHEMA, "incidents": [asdict(incident) for incident in incidents]}
            self.write_json(f"trials/{leg.title}/incidents.json", found)

    def write_probe(self, leg: Leg, probe: str, rows: Sequence[tuple[int, str, str, float]]) -> None:
        """Record what a probe read beside a leg: rows as of ``write_readings``, at wall-clock ns instead."""
        if not rows:
            return
        origin_ns = self._origin_ns(leg)
        placed = [(at_ns - origin_ns, source, name, value) for at_ns, source, name, value in rows]
        write_readings(placed, self.trial_folder(leg) / f"readings-{probe}.parquet")

    def write_executions(self, leg: Leg, executions: Executions) -> None:
        """Record what the databases of a leg executed: at wall-clock ns, which are placed as of ``write_probe``."""
        origin_ns = self._origin_ns(leg)
        write_executions(executions.since(origin_ns), self.trial_folder(leg) / EXECUTIONS)
        self.write_json(f"trials/{leg.title}/statements.json", {"schema": SCHEMA, "texts": dict(executions.texts)})

    def write_objects(self, leg: Leg, databases: Sequence[Mapping[str, Any]]) -> None:
        """Record what tables and indexes were used for in a leg."""
        if databases:
            self.write_json(f"trials/{leg.title}/objects.json", {"schema": SCHEMA, "databases": list(databases)})

    def write_unread(self, leg: Leg, unread: Sequence[UnavailableReading]) -> None:
        """Record what servers did not tell in a leg."""
        if unread:
            found = {"schema": SCHEMA, "unread": [asdict(one) for one in unread]}
            self.write_json(f"trials/{leg.title}/unread.json", found)

    def read_unread(self, legs: Sequence[Leg]) -> list[UnavailableReading]:
        """What servers did not tell in those of the legs that were recorded, each once."""
        names = [f"trials/{leg.title}/unread.json" for leg in legs]
        found = [(name, self.read_object(name)) for name in names if (self.path / name).is_file()]
        told = [
            one
            for name, raw in found
            for one in validated(self.path / name, list[UnavailableReading], raw.get("unread"))
        ]
        return list(dict.fromkeys(told))

    def read_plan(self, setup: Setup) -> tuple[Plan, str]:
        """The plan that was run, under the profile and with the copies of before it was run with, and its text."""
        text = self.read_text("plan.toml")
        plan = parse_plan(text, self.path / "plan.toml", setup.profile)
        return plan.with_copies(*(arm for arm in COPIES if any(arm in order for order in setup.order))), text

    def read_setup(self) -> Setup:
        """What the run was measured on."""
        return self.decode("setup.json", Setup)

    def read_migrations(self) -> list[Migration]:
        """What the migrations took; empty when the run did not get that far."""
        if not (self.path / "migrations.json").exists():
            return []
        raw = self.read_object("migrations.json")
        return validated(self.path / "migrations.json", list[Migration], raw.get("migrations"))

    def read_pairs(self) -> list[RecordedPair] | None:
        """The rows of ``comparison.json``; ``None`` when no report was written yet."""
        if not (self.path / "comparison.json").exists():
            return None
        raw = self.read_object("comparison.json")
        return validated(self.path / "comparison.json", list[RecordedPair], raw.get("pairs"))

    def read_outcome(self) -> object:
        """The outcome in ``verdict.json``, as it was judged when the report was written."""
        return self.read_object("verdict.json").get("outcome")

    def read_trials(self, legs: Sequence[Leg]) -> Iterator[Trial]:
        """The trials of those legs whose blocks are complete, in the order they ran, each read when it is asked for."""
        recorded = self.recorded(legs)
        partial = {leg.block for leg in legs if leg not in recorded or self._aborted(leg)}
        return (self._trial(leg) for leg in legs if leg.block not in partial)

    def recorded(self, legs: Sequence[Leg]) -> list[Leg]:
        """Those of some legs whose record has an end: a seal, or in runs from before there were seals its windows."""
        last = NAME if any(self.path.glob(f"trials/*/{NAME}")) else "windows.json"
        return [leg for leg in legs if (self.trial_folder(leg) / last).is_file()]

    def write_seal(self, seal: Seal) -> None:
        """Close the record of a leg: nothing of it is written afterwards."""
        setup = setup_digest(self.read_object("setup.json"))
        whole = replace(seal, setup=setup, files=digests(self.path, seal.leg))
        self.write_json(f"trials/{seal.leg}/{NAME}", asdict(whole))

    def read_seals(self, setup: Setup) -> dict[str, Seal]:
        """The seals by the leg in whose folder they are; empty for a run from before there were any."""
        found = [leg.title for leg in setup.legs if (self.trial_folder(leg) / NAME).is_file()]
        return {title: self.decode(f"trials/{title}/{NAME}", Seal) for title in found}

    def changed(self, seals: Mapping[str, Seal]) -> list[str]:
        """The files that are not as they were sealed, and what became of them."""
        found = list(changed_files(self.path, self.read_object("setup.json"), seals))
        if not (self.rehearsal / "record.json").exists():
            return found
        if not (self.rehearsal / NAME).is_file():
            return [*found, f"rehearsal/{NAME} is missing"]
        return [*found, *migration_changes(self.path, self.read_object(f"rehearsal/{NAME}")["files"])]

    def complete(self, legs: Sequence[Leg]) -> bool:
        """Whether all of some legs were measured, and none was ended early."""
        return len(self.recorded(legs)) == len(legs) and not any(map(self._aborted, legs))

    def read_losses(self, legs: Sequence[Leg]) -> list[LostWorker]:
        """The workers that were lost in those of the legs that were recorded."""
        names = [f"trials/{leg.title}/windows.json" for leg in legs]
        recorded = [self.decode(name, Generation) for name in names if (self.path / name).is_file()]
        return [loss for generation in recorded for loss in generation.lost]

    def read_aborted(self, legs: Sequence[Leg]) -> list[Trial]:
        """The trials of those of the legs that were ended early."""
        return [self._trial(leg) for leg in legs if self._aborted(leg)]

    def read_incidents(self, legs: Sequence[Leg]) -> list[Incident]:
        """What happened to containers in those of the legs that were recorded."""
        names = [f"trials/{leg.title}/incidents.json" for leg in legs]
        found = [(name, self.read_object(name)) for name in names if (self.path / name).is_file()]
        return [one for name, raw in found for one in validated(self.path / name, list[Incident], raw["incidents"])]

    def read_answers(self, arm: str) -> RecordedAnswers | None:
        """What an arm answered to the corpus of the plan; ``None`` when it was not asked to the end."""
        name = f"answers/{arm}.jsonl"
        if not (self.path / name).is_file():
            return None
        head, *rows = self.read_lines(name)
        if head.get("schema") != ANSWERS:
            raise RunFolderError(f"{self.path / name}: schema {head.get('schema')}; this harness reads {ANSWERS}")
        if head.get("requests") != len(rows):
            what = f"{len(rows)} answers, {head.get('requests')} were recorded; a part is missing"
            raise RunFolderError(f"{self.path / name}: {what}")
        raw = {"wanted": head.get("wanted"), "user_errors": head.get("user_errors", 0), "answers": rows}
        return validated(self.path / name, RecordedAnswers, raw)

    def _aborted(self, leg: Leg) -> bool:
        """Whether a leg was ended early."""
        name = f"trials/{leg.title}/windows.json"
        return (self.path / name).is_file() and self.decode(name, Generation).aborted is not None

    def _trial(self, leg: Leg) -> Trial:
        folder = self.trial_folder(leg)
        generation = self.decode(f"trials/{leg.title}/windows.json", Generation)
        samples = read_samples(folder / "samples")
        if len(samples) != generation.requests:
            found = "missing" if len(samples) < generation.requests else "there twice, or of another leg"
            raise RunFolderError(
                f"{folder / 'samples'}: {len(samples)} samples, {generation.requests} were recorded; a part is {found}"
            )
        if not np.isfinite(samples["db_ms"].drop_null().to_numpy()).all():
            raise RunFolderError(f"{folder / 'samples'}: database times that are no numbers; measure this run again")
        startup = f"trials/{leg.title}/startup.json"
        ready = self.decode(startup, Startup).ready_seconds if (self.path / startup).exists() else None
        readings = [read_readings(path) for path in sorted(folder.glob("readings*.parquet"))]
        together = pa.concat_tables([READINGS.empty_table(), *readings]).unify_dictionaries()
        return Trial(leg, generation, samples, together, ready, self._executions(leg))

    def _executions(self, leg: Leg) -> Executions | None:
        found = read_executions(self.trial_folder(leg) / EXECUTIONS)
        name = f"trials/{leg.title}/statements.json"
        if found is None or not (self.path / name).is_file():
            return found
        texts = validated(self.path / name, dict[str, str], self.read_object(name).get("texts"))
        return replace(found, texts=texts)

    def _origin_ns(self, leg: Leg) -> int:
        generation = self.decode(f"trials/{leg.title}/windows.json", Generation)
        return int(datetime.fromisoformat(generation.origin).timestamp() * 1e9)


def fingerprint_files(paths: Sequence[Path]) -> str:
    """The first 12 hex digits of the SHA-256 of the files' contents, in order."""
    digest = sha256()
    for path in paths:
        digest.update(sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]
