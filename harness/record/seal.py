"""Seal: checksums of the files of a leg's record, which reveal missing, added or changed files."""

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

from harness.record.trial import Seal

NAME = "seal.json"
ARM_FILES = "evidence/*.json"
RUN_FILES = ("plan.toml", "migrations.json", "noise.json", "answers/*.jsonl", ARM_FILES)
MIGRATION_FILES = (
    "rehearsal/record.json",
    "rehearsal/windows.json",
    "rehearsal/samples/*.parquet",
    "answers/rolled-back.jsonl",
)
LEG_FILES = ("*.json", "*.parquet", "samples/*.parquet")


def setup_digest(setup: Mapping[str, Any]) -> str:
    """The SHA-256 of a setup without the order of legs, which grows during a run."""
    steady = {name: value for name, value in setup.items() if name not in {"order", "legs_planned", "again"}}
    return sha256(json.dumps(steady, sort_keys=True).encode()).hexdigest()


def digests(run: Path, leg: str) -> dict[str, str]:
    """The SHA-256 of every file of a leg's record and of the run, by its path in the run folder."""
    paths = [path for pattern in RUN_FILES for path in sorted(run.glob(pattern))] + _files(run, leg)
    with ThreadPoolExecutor() as pool:
        return dict(zip((_name(run, path) for path in paths), pool.map(_digest, paths), strict=True))


def migration_digests(run: Path) -> dict[str, str]:
    """The SHA-256 of every file of the migration under load, by its path in the run folder."""
    return {_name(run, path): _digest(path) for pattern in MIGRATION_FILES for path in sorted(run.glob(pattern))}


def migration_changes(run: Path, sealed: Mapping[str, str]) -> Iterator[str]:
    """The files of the migration under load that differ from their seal."""
    found = migration_digests(run)
    for name in sorted({*sealed, *found}):
        if name not in found:
            yield f"{name} is missing"
        elif sealed.get(name) != found[name]:
            yield f"{name} was {'changed' if name in sealed else 'added'}"


def changed_files(run: Path, setup: Mapping[str, Any], seals: Mapping[str, Seal]) -> Iterator[str]:
    """The files that differ from the seals, each as ``trials/03-after/windows.json was changed``; ``seals`` by leg."""
    if any(seal.setup != setup_digest(setup) for seal in seals.values()):
        yield "setup.json was changed"
    sealed = {name: digest for seal in seals.values() for name, digest in seal.files.items()}
    with ThreadPoolExecutor() as pool:
        found = dict(zip(sealed, pool.map(lambda name: _digest_if_there(run / name), sealed), strict=True))
    for name, digest in sealed.items():
        if found[name] != digest:
            yield f"{name} is missing" if found[name] is None else f"{name} was changed"
    arms = {leg.partition("-")[2] for leg in seals}  # the corpus runs before the first leg of an arm
    for path in sorted(run.glob(ARM_FILES)):
        if path.stem in arms and _name(run, path) not in sealed:
            yield f"{_name(run, path)} was added"
    for leg in seals:
        for path in _files(run, leg):
            if _name(run, path) not in sealed:
                yield f"{_name(run, path)} was added"


def _files(run: Path, leg: str) -> list[Path]:
    folder = run / "trials" / leg
    return sorted(path for pattern in LEG_FILES for path in folder.glob(pattern) if path.name != NAME)


def _name(run: Path, path: Path) -> str:
    return path.relative_to(run).as_posix()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _digest_if_there(path: Path) -> str | None:
    try:
        return _digest(path)
    except OSError:
        return None
