"""Run folder: the files of one run, the input of every report. Each is written whole and renamed into place."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from harness.errors import RunFolderError
from harness.plan.file import parse_plan
from harness.plan.model import COPIES, Plan
from harness.record.answers import SCHEMA as ANSWERS
from harness.record.answers import RecordedAnswers
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
from harness.record.seal import NAME, changed_files, changes, digests, migration_digests, setup_digest
from harness.record.selftest import Certificate
from harness.record.setup import Setup
from harness.record.trial import Incident, Migration, Seal, Startup, Trial

ROLLED_BACK = "rolled-back"
"""The name under which responses of before are recorded after the rollback."""


class RunFolder(Folder):
    """The files of one run."""

    @classmethod
    def create(cls, parent: Path, name: str) -> "RunFolder":
        """Make a run folder, with a number when the name is taken; raises ``RunFolderError`` when it cannot be made."""
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

    def write(self, name: str, text: str) -> Path:
        """As ``Folder.write``, but does not make a run folder again that was deleted during the run."""
        if not self.path.is_dir():
            raise RunFolderError(f"{self.path}: was deleted during the run")
        return super().write(name, text)

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """Open a recorded run; raises ``RunFolderError`` when there is none."""
        if not (path / "setup.json").is_file():
            known = "not a run folder, or nothing was measured (no setup.json)"
            raise RunFolderError(f"{path}: {known if path.exists() else 'no such folder'}")
        return cls(path)

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def rehearsal(self) -> Path:
        """The folder of the migration under load."""
        return self.path / "rehearsal"

    def trial_folder(self, leg: Leg) -> Path:
        return self.path / "trials" / leg.title

    def write_setup(self, setup: Setup) -> None:
        self.write_json("setup.json", asdict(setup))

    def write_migrations(self, migrations: Sequence[Migration]) -> None:
        self.write_json("migrations.json", {"schema": SCHEMA, "migrations": [asdict(m) for m in migrations]})

    def write_noise(self, noise: Noise) -> None:
        self.write_json("noise.json", asdict(noise))

    def read_noise(self) -> Noise | None:
        """The known noise at the start of the run; ``None`` in older runs."""
        return self.decode_if_present("noise.json", Noise)

    def write_request_work(self, inspected: RequestWork) -> None:
        self.write_json(f"evidence/{inspected.arm}.json", asdict(inspected), indent=None)

    def read_request_work(self) -> dict[str, RequestWork]:
        """The work of each request, by arm; empty where it was not measured."""
        names = sorted(path.name for path in self.path.glob("evidence/*.json"))
        return {work.arm: work for work in (self.decode(f"evidence/{name}", RequestWork) for name in names)}

    def write_certificate(self, certificate: Certificate) -> None:
        self.write_json("certificate.json", asdict(certificate))

    def read_certificate(self) -> Certificate | None:
        """The newest certificate at the start of the run; ``None`` without one."""
        return self.decode_if_present("certificate.json", Certificate)

    def write_migration_record(self, record: MigrationRecord) -> None:
        self.write_json("rehearsal/record.json", asdict(record))
        self.write_json(f"rehearsal/{NAME}", {"schema": SCHEMA, "files": migration_digests(self.path)})

    def read_migration_record(self) -> tuple[MigrationRecord, pa.Table] | None:
        """The migration under load and its samples; ``None`` where it was not run."""
        record = self.decode_if_present("rehearsal/record.json", MigrationRecord)
        return (record, read_samples(self.rehearsal / "samples")) if record else None

    def migration_origin(self) -> float | None:
        """The origin of its load, in seconds since 1970; ``None`` where the load did not finish."""
        generation = self.decode_if_present("rehearsal/windows.json", Generation)
        return datetime.fromisoformat(generation.origin).timestamp() if generation else None

    def write_startup(self, leg: Leg, startup: Startup) -> None:
        self.write_json(f"trials/{leg.title}/startup.json", asdict(startup))

    def write_incidents(self, leg: Leg, incidents: Sequence[Incident]) -> None:
        self._write_list(leg, "incidents", "incidents", [asdict(incident) for incident in incidents])

    def write_probe(self, leg: Leg, probe: str, rows: Sequence[tuple[int, str, str, float]]) -> None:
        """Record a probe's readings of a leg, with wall-clock times in ns."""
        if not rows:
            return
        origin_ns = self._origin_ns(leg)
        placed = [(at_ns - origin_ns, source, name, value) for at_ns, source, name, value in rows]
        write_readings(placed, self.trial_folder(leg) / f"readings-{probe}.parquet")

    def write_executions(self, leg: Leg, executions: Executions) -> None:
        """Record the statements of a leg, with wall-clock times in ns."""
        origin_ns = self._origin_ns(leg)
        write_executions(executions.since(origin_ns), self.trial_folder(leg) / EXECUTIONS)
        self.write_json(f"trials/{leg.title}/statements.json", {"schema": SCHEMA, "texts": dict(executions.texts)})

    def write_objects(self, leg: Leg, databases: Sequence[Mapping[str, Any]]) -> None:
        """Record the use of tables and indexes in a leg."""
        self._write_list(leg, "objects", "databases", databases)

    def write_unavailable(self, leg: Leg, unread: Sequence[UnavailableReading]) -> None:
        self._write_list(leg, "unread", "unread", [asdict(reading) for reading in unread])

    def read_unavailable(self, legs: Sequence[Leg]) -> list[UnavailableReading]:
        """Unavailable readings of the recorded legs, without duplicates."""
        names = self._present(legs, "unread.json")
        lists = (self.decode_key(name, "unread", list[UnavailableReading]) for name in names)
        return list(dict.fromkeys(chain(*lists)))

    def read_plan(self, setup: Setup) -> tuple[Plan, str]:
        """The plan of the run, with its profile and its copies of before, and its text."""
        text = self.read_text("plan.toml")
        plan = parse_plan(text, self.path / "plan.toml", setup.profile)
        return plan.with_copies(*(arm for arm in COPIES if any(arm in order for order in setup.order))), text

    def read_setup(self) -> Setup:
        return self.decode("setup.json", Setup)

    def read_migrations(self) -> list[Migration]:
        """Migrations of the arms; empty when the run did not get that far."""
        name = "migrations.json"
        return self.decode_key(name, "migrations", list[Migration]) if self.has(name) else []

    def read_trials(self, legs: Sequence[Leg]) -> Iterator[Trial]:
        """The trials of those legs whose blocks are complete, in order, each read on demand."""
        recorded = self.recorded(legs)
        partial = {leg.block for leg in legs if leg not in recorded or self._aborted(leg)}
        return (self._trial(leg) for leg in legs if leg.block not in partial)

    def recorded(self, legs: Sequence[Leg]) -> list[Leg]:
        """The legs with a complete record: a seal, or ``windows.json`` in runs older than seals."""
        last = NAME if any(self.path.glob(f"trials/*/{NAME}")) else "windows.json"
        return [leg for leg in legs if (self.trial_folder(leg) / last).is_file()]

    def write_seal(self, seal: Seal) -> None:
        """Seal the record of a leg; nothing is written to it afterwards."""
        setup = setup_digest(self.read_object("setup.json"))
        whole = replace(seal, setup=setup, files=digests(self.path, seal.leg))
        self.write_json(f"trials/{seal.leg}/{NAME}", asdict(whole))

    def read_seals(self, setup: Setup) -> dict[str, Seal]:
        """The seals by the title of the folder's leg; empty for runs older than seals."""
        seals = {leg.title: self.decode_if_present(f"trials/{leg.title}/{NAME}", Seal) for leg in setup.legs}
        return {title: seal for title, seal in seals.items() if seal}

    def changed(self, seals: Mapping[str, Seal]) -> list[str]:
        """The files that differ from their seals, and how."""
        found = [*changed_files(self.path, self.read_object("setup.json"), seals)]
        if self.has("rehearsal/record.json") and not self.has(f"rehearsal/{NAME}"):
            found.append(f"rehearsal/{NAME} is missing")
        elif self.has("rehearsal/record.json"):
            sealed = self.read_object(f"rehearsal/{NAME}")["files"]
            found += changes(sealed, migration_digests(self.path))
        return found

    def complete(self, legs: Sequence[Leg]) -> bool:
        """Whether all of these legs were measured, and none ended early."""
        return len(self.recorded(legs)) == len(legs) and not any(map(self._aborted, legs))

    def read_losses(self, legs: Sequence[Leg]) -> list[LostWorker]:
        names = self._present(legs, "windows.json")
        return [loss for name in names for loss in self.decode(name, Generation).lost]

    def read_aborted(self, legs: Sequence[Leg]) -> list[Trial]:
        """The trials of legs that ended early."""
        return [self._trial(leg) for leg in legs if self._aborted(leg)]

    def read_incidents(self, legs: Sequence[Leg]) -> list[Incident]:
        names = self._present(legs, "incidents.json")
        return list(chain(*(self.decode_key(name, "incidents", list[Incident]) for name in names)))

    def read_answers(self, arm: str) -> RecordedAnswers | None:
        """The responses of an arm to the corpus; ``None`` when they are incomplete."""
        name = f"answers/{arm}.jsonl"
        if not self.has(name):
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
        generation = self.decode_if_present(f"trials/{leg.title}/windows.json", Generation)
        return generation is not None and generation.aborted is not None

    def _present(self, legs: Sequence[Leg], file: str) -> list[str]:
        """The names of the files of this name that legs have."""
        return [name for leg in legs if self.has(name := f"trials/{leg.title}/{file}")]

    def _write_list(self, leg: Leg, file: str, key: str, values: Sequence[object]) -> None:
        """Write a file of a leg with one list; none where the list is empty."""
        if values:
            self.write_json(f"trials/{leg.title}/{file}.json", {"schema": SCHEMA, key: list(values)})

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
        startup = self.decode_if_present(f"trials/{leg.title}/startup.json", Startup)
        ready = startup.ready_seconds if startup else None
        readings = [read_readings(path) for path in sorted(folder.glob("readings*.parquet"))]
        together = pa.concat_tables([READINGS.empty_table(), *readings]).unify_dictionaries()
        return Trial(leg, generation, samples, together, ready, self._executions(leg))

    def _executions(self, leg: Leg) -> Executions | None:
        found = read_executions(self.trial_folder(leg) / EXECUTIONS)
        name = f"trials/{leg.title}/statements.json"
        if found is None or not self.has(name):
            return found
        return replace(found, texts=self.decode_key(name, "texts", dict[str, str]))

    def _origin_ns(self, leg: Leg) -> int:
        generation = self.decode(f"trials/{leg.title}/windows.json", Generation)
        return int(datetime.fromisoformat(generation.origin).timestamp() * 1e9)


def fingerprint_files(paths: Sequence[Path]) -> str:
    """The first 12 hex digits of the SHA-256 of the files' contents, in order."""
    digest = sha256()
    for path in paths:
        digest.update(sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]
