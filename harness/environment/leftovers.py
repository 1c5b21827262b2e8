"""Leftovers: processes, folders and containers of killed runs, found by their owner and removed."""

import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from harness.environment.processes import OWNER, end_processes_of, is_owner_alive
from harness.environment.seeds import cache_folder
from harness.environment.watchdog import remove_containers
from harness.errors import EnvironmentFailedError

BEGINNING_SECONDS = 3600.0


def remove_leftovers() -> Iterator[str]:
    """Remove what is left of runs that are over; yields a line for each run. Those still running are not touched."""
    for scratch in sorted((cache_folder() / "scratch").glob("*/")):
        try:
            label, *folders = (scratch / OWNER).read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError):  # of a run that begins, or was killed before it started anything
            _remove_old(scratch)
            continue
        if is_owner_alive(label):
            continue
        end_processes_of(label, scratch)
        if not remove_containers(label, scratch):
            yield f"run {label} has containers that cannot be removed: Docker does not answer; start it and try again"
            continue
        for folder in (*folders, str(scratch)):
            shutil.rmtree(folder, ignore_errors=True)
        yield f"ended run {label} and removed {scratch}"


def _remove_old(scratch: Path) -> None:
    with suppress(FileNotFoundError):  # its watchdog was faster
        if time.time() - scratch.stat().st_mtime > BEGINNING_SECONDS:
            shutil.rmtree(scratch, ignore_errors=True)


def remove_leftover_containers() -> Iterator[str]:
    """Remove containers, networks and volumes of runs that are over; nothing where there is no Docker."""
    from harness.environment.compose.engine import engine, owners_of_ended_runs, remove_owned  # noqa: PLC0415 - the SDK takes a second

    try:
        with engine() as client:
            for owner in sorted(owners_of_ended_runs(client)):
                for _ in range(2):  # networks and volumes can go when their containers have
                    for removed in remove_owned(client, owner):
                        yield f"removed {removed} of run {owner}"
    except EnvironmentFailedError:
        return
