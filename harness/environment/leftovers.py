"""Removal of processes, folders and containers that killed runs left."""

import shutil
import time
from collections.abc import Iterator
from contextlib import suppress

from harness.environment.processes import OWNER, end_processes_of, is_owner_alive
from harness.environment.seeds import cache_folder
from harness.environment.watchdog import remove_containers
from harness.errors import EnvironmentFailedError

BEGINNING_SECONDS = 3600.0


def remove_leftovers() -> Iterator[str]:
    """Remove what ended runs left; yields a line for each run."""
    for scratch in sorted((cache_folder() / "scratch").glob("*/")):
        try:
            label, *folders = (scratch / OWNER).read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError):  # the run is starting, or was killed at its start
            with suppress(FileNotFoundError):  # its watchdog has removed it
                if time.time() - scratch.stat().st_mtime > BEGINNING_SECONDS:
                    shutil.rmtree(scratch, ignore_errors=True)
            continue
        if is_owner_alive(label):
            continue
        end_processes_of(label, scratch)
        if not remove_containers(label, scratch):
            yield f"containers of run {label} are not removed: Docker does not answer; start it and try again"
            continue
        for folder in (*folders, str(scratch)):
            shutil.rmtree(folder, ignore_errors=True)
        yield f"ended run {label} and removed {scratch}"


def remove_leftover_containers() -> Iterator[str]:
    """Remove containers, networks and volumes of ended runs; does nothing without Docker."""
    from harness.environment.compose.engine import engine  # noqa: PLC0415 - the Docker SDK takes a second
    from harness.environment.compose.labels import owners_of_ended_runs, remove_owned  # noqa: PLC0415 - the Docker SDK takes a second

    try:
        with engine() as client:
            for owner in sorted(owners_of_ended_runs(client)):
                for _ in range(2):  # networks and volumes follow their containers
                    for removed in remove_owned(client, owner):
                        yield f"removed {removed} of run {owner}"
    except EnvironmentFailedError:
        return
