"""PostgreSQL clusters for tests: initdb runs once in a test run, every server starts on a copy."""

import fcntl
import shutil
import subprocess
from pathlib import Path

from harness.environment.servers import as_nobody
from tests.shared import shared_folder


def create_cluster(data: Path, programs: Path) -> None:
    """Make ``data`` a cluster that trusts every connection and has a role ``service``."""
    shared = shared_folder()
    template = shared / f"cluster-{'-'.join(programs.parts[1:])}"
    with (shared / "cluster.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not template.exists():
            _initdb(template, programs)
    shutil.copytree(template, data)


def _initdb(template: Path, programs: Path) -> None:
    making = template.with_name(f"{template.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    _run(programs / "initdb", "-D", making, "-U", "postgres", "--auth=trust", "--no-sync", "--locale=C.UTF-8")
    _run(programs / "postgres", "--single", "-F", "-D", making, "postgres", text="CREATE ROLE service LOGIN\n")
    making.rename(template)


def _run(program: Path, *arguments: str | Path, text: str = "") -> None:
    command = [*as_nobody(), str(program), *map(str, arguments)]
    subprocess.run(command, cwd=shared_folder(), input=text, text=True, check=True, capture_output=True)
