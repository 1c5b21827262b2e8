"""Seal: checksums of the files of a leg's record, which reveal missing, added or changed files."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    return _digests(run, [*_matching(run, RUN_FILES), *_files(run, leg)])


def migration_digests(run: Path) -> dict[str, str]:
    """The SHA-256 of every file of the migration under load, by its path in the run folder."""
    return _digests(run, _matching(run, MIGRATION_FILES))


def changed_files(run: Path, setup: Mapping[str, Any], seals: Mapping[str, Seal]) -> Iterator[str]:
    """The files that differ from the seals, each as ``trials/03-after/windows.json was changed``; ``seals`` by leg."""
    if any(seal.setup != setup_digest(setup) for seal in seals.values()):
        yield "setup.json was changed"
    sealed = {name: digest for seal in seals.values() for name, digest in seal.files.items()}
    arms = {leg.partition("-")[2] for leg in seals}  # the corpus runs before the first leg of an arm
    there = [run / name for name in sealed]
    there += [path for path in _matching(run, [ARM_FILES]) if path.stem in arms]
    there += [path for leg in seals for path in _files(run, leg)]
    readable = [path for path in dict.fromkeys(there) if path.is_file() and os.access(path, os.R_OK)]
    yield from changes(sealed, _digests(run, readable))


def changes(sealed: Mapping[str, str], found: Mapping[str, str]) -> Iterator[str]:
    """What differs between the digests of files, each as ``plan.toml is missing``."""
    for name in dict.fromkeys([*sealed, *found]):
        if name not in found:
            yield f"{name} is missing"
        elif sealed.get(name) != found[name]:
            yield f"{name} was {'changed' if name in sealed else 'added'}"


def _files(run: Path, leg: str) -> list[Path]:
    return sorted(path for path in _matching(run / "trials" / leg, LEG_FILES) if path.name != NAME)


def _matching(folder: Path, patterns: Iterable[str]) -> list[Path]:
    return [path for pattern in patterns for path in sorted(folder.glob(pattern))]


def _digests(run: Path, paths: Sequence[Path]) -> dict[str, str]:
    names = [path.relative_to(run).as_posix() for path in paths]
    with ThreadPoolExecutor() as pool:
        return dict(zip(names, pool.map(_digest, paths), strict=True))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
