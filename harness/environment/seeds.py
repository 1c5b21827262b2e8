"""Seeded database clusters, stored between runs under the fingerprint of their inputs; and scratch folders.

A stored cluster is never started: each run copies it to its scratch folder. One rename stores it, so that parallel runs
never read a partial one.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from glob import glob
from hashlib import sha256
from pathlib import Path

from platformdirs import user_cache_path

from harness.errors import EnvironmentFailedError, PlanError, Problem
from harness.plan.environment import Local
from harness.plan.model import Plan

MAX_SEEDS = 3
FACTS = "facts.json"


def cache_folder() -> Path:
    """The folder of seeds and scratch files: ``HARNESS_CACHE``, or the user's cache folder."""
    chosen = os.environ.get("HARNESS_CACHE")
    return Path(chosen) if chosen else user_cache_path("before-after-harness", appauthor=False)


def new_scratch_folder() -> Path:
    """Create a folder for the files of one run; raises ``EnvironmentFailedError`` if it cannot be created."""
    parent = cache_folder() / "scratch"
    try:
        parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=parent))
    except OSError as error:
        why = f"{error.strerror}: free some space, or set HARNESS_CACHE to a folder on another disk"
        raise EnvironmentFailedError(f"{parent}: {why}") from error


def seed_fingerprint(plan: Plan, base: Path, versions: Mapping[str, str]) -> str:
    """The fingerprint of a seed's inputs; raises ``PlanError`` if a pattern of ``seed_inputs`` matches no file."""
    environment = plan.system(Local)
    commands = (environment.seed, environment.migrate, environment.scale, plan.arms["before"].revision)
    parts = (*commands, sorted(versions.items()), sorted(environment.env.items()), *environment.services)
    digest = sha256(repr(parts).encode())
    for index, pattern in enumerate(environment.seed_inputs):
        folder = Path(os.path.normpath(base / environment.cwd))
        for inputs in dict.fromkeys(pattern.replace("{service}", service or "") for service in environment.parts):
            names = glob(inputs, root_dir=folder, recursive=True, include_hidden=True)  # noqa: PTH207 - may be absolute
            paths = sorted(path for name in names if (path := folder / name).is_file() and path.suffix != ".pyc")
            if not paths:
                raise PlanError("plan", [Problem(f"environment.seed_inputs[{index}]", f'"{inputs}" matches no file')])
            for path in paths:
                digest.update(path.name.encode() + b"\0" + sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def find(fingerprint: str) -> Path | None:
    """The folder of a stored seed, marked as used; ``None`` if there is none."""
    folder = cache_folder() / "seeds" / fingerprint
    if not (folder / FACTS).is_file():
        return None
    os.utime(folder)
    return folder


def store(built: Path, fingerprint: str, row_counts: Mapping[str, int]) -> Path:
    """Store a stopped cluster (``built/data``) and remove the least recently used ones; returns its folder."""
    (built / FACTS).write_text(json.dumps({"row_counts": dict(row_counts)}))
    final = cache_folder() / "seeds" / fingerprint
    final.parent.mkdir(parents=True, exist_ok=True)
    try:
        built.rename(final)
    except OSError:  # another run stored it first
        shutil.rmtree(built, ignore_errors=True)
    stored = sorted(final.parent.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in stored[MAX_SEEDS:]:
        shutil.rmtree(old, ignore_errors=True)
    return final


def row_counts(folder: Path) -> dict[str, int]:
    """Rows by table of a stored seed."""
    counts: dict[str, int] = json.loads((folder / FACTS).read_text())["row_counts"]
    return counts
