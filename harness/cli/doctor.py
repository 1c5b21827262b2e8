"""The command that checks this machine before a run: programs, memory, disk, load and timers."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import click
import psutil

from harness.cli.exit_codes import Exit
from harness.environment.seeds import cache_folder
from harness.environment.servers import as_nobody, postgres_programs, redis_program
from harness.errors import HarnessError
from harness.probes.process import usable_cores

LEAST_DISK, LEAST_MEMORY = 3 * 2**30, 2 * 2**30
BUSY = 0.5


@dataclass(frozen=True, slots=True)
class HostCheck:
    """One check; ``fix`` is empty if it passed, ``needed`` is false if it only limits precision."""

    what: str
    found: str
    fix: str = ""
    needed: bool = True


@click.command()
def doctor() -> None:
    """Check whether this machine can run a local plan.

    \b
    Example:
      harness doctor

    Exit codes: 0 ready, 5 something needed is missing.
    """
    missing = False
    for check in check_host():
        mark = "✓" if not check.fix else "✗" if check.needed else "!"
        missing |= bool(check.fix) and check.needed
        click.echo(f"  {mark} {check.what:<15} {check.found}" + (f"\n      {check.fix}" if check.fix else ""))
    sys.exit(Exit.ENVIRONMENT if missing else Exit.PASS)


def check_host() -> Iterator[HostCheck]:
    """Check everything that a local run needs, fastest check first."""
    yield HostCheck("Python", sys.version.split()[0])
    yield _program("PostgreSQL", lambda: [*as_nobody(), str(postgres_programs() / "postgres"), "--version"])
    yield _program("Redis", lambda: [redis_program(), "--version"])
    yield _program("Locust", lambda: [sys.executable, "-m", "locust", "--version"])
    yield _cache()
    cores = usable_cores()
    fix = "" if cores > 1 else "generator and service share one core: expect wide intervals"
    yield HostCheck("cores", f"{cores} (shared by the generator and all services of a plan)", fix, needed=False)
    memory = psutil.virtual_memory().available
    yield HostCheck("free memory", f"{memory / 2**30:.1f} GiB", "" if memory > LEAST_MEMORY else "free at least 2 GiB")
    load = psutil.getloadavg()[0] / cores
    fix = "" if load < BUSY else "other work is running: wait, or expect wide intervals"
    yield HostCheck("load per core", f"{load:.2f}", fix, needed=False)
    yield _timer()
    docker = shutil.which("docker")
    yield HostCheck("Docker", docker or "none (local plans do not need it)", needed=False)
    yield HostCheck("next", "harness selftest tests the measurement on this machine under load", needed=False)


def _program(what: str, command: Callable[[], list[str]]) -> HostCheck:
    try:
        done = subprocess.run(command(), capture_output=True, text=True, timeout=60, check=True)
    except HarnessError as error:
        return HostCheck(what, "none", str(error))
    except subprocess.CalledProcessError as error:
        return HostCheck(what, "does not run", (error.stderr or error.stdout).strip()[:300] or "reinstall it")
    except (OSError, subprocess.SubprocessError) as error:
        return HostCheck(what, "does not run", str(error))
    return HostCheck(what, done.stdout.strip().splitlines()[0])


def _cache() -> HostCheck:
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe-{os.getpid()}"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        return HostCheck("cache folder", str(folder), f"{error.strerror}: set HARNESS_CACHE to a writable folder")
    free = shutil.disk_usage(folder).free
    fix = "" if free > LEAST_DISK else "free at least 3 GiB, or set HARNESS_CACHE to a folder on another disk"
    return HostCheck("cache folder", f"{folder} ({free / 2**30:.0f} GiB free)", fix)


def _timer() -> HostCheck:
    late = []
    for _ in range(50):
        due = time.perf_counter() + 0.002
        time.sleep(0.002)
        late.append((time.perf_counter() - due) * 1000)
    worst = sorted(late)[-3]
    fix = "" if worst < 5 else "this machine pauses processes: expect wide intervals"  # noqa: PLR2004 - ms
    return HostCheck("timer delay P95", f"{worst:.2f} ms", fix, needed=False)
