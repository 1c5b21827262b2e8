"""The processes of a run, started so that they can always be found and ended.

Each process runs in a session of its own, whose id is recorded, and has the run's label in its environment, which its
children inherit. Either identifies a process of the run: servers that set their title overwrite their environment, and
daemons leave their session. Other processes are never signalled. A watchdog process waits at a pipe: when the harness
ends, in whatever way, the pipe closes and the watchdog ends the rest.
"""

import math
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from signal import SIGTERM
from subprocess import DEVNULL, PIPE, STDOUT, Popen, TimeoutExpired
from typing import TypeVar

import psutil

from harness.environment.advice import advice
from harness.errors import CommandError, EnvironmentFailedError

Failure = TypeVar("Failure", bound=Exception)
LABEL = "HARNESS_OWNER"
OWNER, SESSIONS, CONTAINERS = "owner", "sessions", "containers"
SAME_START_SECONDS = 2.0
TAIL_LINES = 20
GRACE_SECONDS = 2.0
CLOSE_SECONDS = 60.0


class ManagedProcess:
    """A process of the run and its log; ``down`` while a fault has ended it."""

    def __init__(self, name: str, spawn: "Callable[[], Popen[bytes]]", log: Path, stops_by: int) -> None:
        self.name, self.log, self.stops_by = name, log, stops_by
        self.down = False
        self._spawn = spawn
        self.popen = spawn()

    @property
    def pid(self) -> int:
        """The process id, which is also the process group."""
        return self.popen.pid

    def check(self) -> None:
        """Raise ``EnvironmentFailedError`` if it has ended, with the last lines of its log as a note."""
        status = self.popen.poll()
        if status is not None and not self.down:
            raise with_log(EnvironmentFailedError(f"{self.name} ended by itself ({describe_status(status)})"), self.log)

    def end(self, *, seconds: float = 10.0) -> None:
        """End the process group: SIGTERM or its own signal, then SIGKILL."""
        end_together([self], seconds=seconds)

    def restart(self) -> None:
        self.popen = self._spawn()
        self.down = False

    def tree(self) -> list[psutil.Process]:
        """The process and its descendants; empty if it has ended."""
        try:
            root = psutil.Process(self.pid)
            return [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


def end_together(processes: Sequence[ManagedProcess], *, seconds: float = 10.0) -> None:
    """End processes and their groups in parallel; SIGKILL after ``seconds``."""
    deadline = time.monotonic() + seconds
    for process in processes:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, process.stops_by)
    for process in processes:
        with suppress(TimeoutExpired):
            process.popen.wait(max(0.0, deadline - time.monotonic()))
        with suppress(ProcessLookupError):  # the whole group has ended
            os.killpg(process.pid, signal.SIGKILL)
            process.popen.wait(GRACE_SECONDS)


class ManagedProcesses:
    """All processes of one run."""

    def __init__(self, scratch: Path, *folders: Path, cores: Sequence[int] = ()) -> None:
        self.label = f"{os.getpid()}-{int(psutil.Process().create_time())}-{os.urandom(3).hex()}"
        self.scratch, self.folders, self.cores = scratch, (scratch, *folders), cores
        self._started: list[ManagedProcess] = []
        self._watchdog: Popen[bytes] | None = None

    def guard(self) -> None:
        """Record the owner of the scratch folder, and start the watchdog, which later removes the folders."""
        owner = self.scratch / f"{OWNER}.partial"
        try:
            owner.write_text("\n".join([self.label, *map(str, self.folders)]))
            owner.rename(self.scratch / OWNER)
        except OSError as error:
            raise EnvironmentFailedError(f"{self.scratch}: {error.strerror}{advice(str(error))}") from error
        command = [sys.executable, "-m", "harness.environment.watchdog", self.label, *map(str, self.folders)]
        self._watchdog = Popen(command, stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True)

    def check(self) -> None:
        """Raise if the watchdog has ended, because nothing would clean up after a kill of the harness."""
        status = self._watchdog.poll() if self._watchdog else None
        if status is not None:
            raise EnvironmentFailedError(
                f"the watchdog ended by itself ({describe_status(status)}), so nothing would clean up after a kill of "
                "the harness: find out what ends processes here, and run the plan again"
            )

    def start(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        *,
        cwd: Path,
        env: Mapping[str, str],
        stops_by: int = SIGTERM,
    ) -> ManagedProcess:
        """Start a process; raises ``EnvironmentFailedError`` if the program does not exist or must not be executed."""
        log.parent.mkdir(parents=True, exist_ok=True)
        spawn = partial(self._spawn, name, command, log, cwd, self.environment(env))
        process = ManagedProcess(name, spawn, log, stops_by)
        self._started.append(process)
        return process

    def _spawn(self, name: str, command: Sequence[str], log: Path, cwd: Path, env: Mapping[str, str]) -> "Popen[bytes]":
        with log.open("ab") as output:
            try:
                popen = Popen(
                    command, stdin=DEVNULL, stdout=output, stderr=STDOUT, cwd=cwd, env=env, start_new_session=True
                )
            except OSError as error:
                raise EnvironmentFailedError(f"{name}: cannot run {command[0]}: {error.strerror}") from error
        pin_to_cores(popen.pid, self.cores)
        with (self.scratch / SESSIONS).open("a") as sessions:
            sessions.write(f"{popen.pid} {time.time()}\n")
        return popen

    def run(
        self, name: str, command: Sequence[str], log: Path, *, cwd: Path, env: Mapping[str, str], seconds: float
    ) -> float:
        """Run a command; returns seconds. Raises ``CommandError``, with its log, if it fails or takes too long."""
        started = time.monotonic()
        process = self.start(name, command, log, cwd=cwd, env=env)
        try:
            status = process.popen.wait(seconds)
        except TimeoutExpired:
            raise with_log(CommandError(f"{name} took longer than {seconds:g} s: {' '.join(command)}"), log) from None
        finally:
            process.end()
        if status:
            raise with_log(CommandError(f"{name} failed ({describe_status(status)}): {' '.join(command)}"), log)
        return time.monotonic() - started

    def environment(self, extra: Mapping[str, str]) -> dict[str, str]:
        """This process's environment with this interpreter first on the PATH, the label, and ``extra``."""
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
        return {**os.environ, "PATH": path, "PYTHONUNBUFFERED": "1", LABEL: self.label, **extra}

    def end(self) -> None:
        end_processes_of(self.label, self.scratch)

    def close(self) -> None:
        """End every process of the run and let the watchdog clean up."""
        self.end()
        if self._watchdog and self._watchdog.stdin:
            self._watchdog.stdin.close()
        ended = [process.popen for process in self._started] + ([self._watchdog] if self._watchdog else [])
        deadline = time.monotonic() + CLOSE_SECONDS
        for popen in ended:  # slower ones end by themselves
            with suppress(TimeoutExpired):
                popen.wait(max(deadline - time.monotonic(), 0.0))


def pin_to_cores(pid: int, cores: Sequence[int]) -> None:
    """Pin a process and its future children to any cores; raises ``EnvironmentFailedError`` if they do not exist."""
    if not cores:
        return
    try:
        os.sched_setaffinity(pid, cores)
    except ProcessLookupError:
        return
    except (AttributeError, OSError) as error:
        there = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else "no CPU affinity"
        raise EnvironmentFailedError(f"cores {list(cores)}: not available; this machine has {there}") from error


def labelled_processes() -> Iterator[tuple[psutil.Process, str]]:
    """Running processes with a run's label, and the label."""
    for process in psutil.process_iter():
        try:
            label = process.environ().get(LABEL)
            if label and process.status() != psutil.STATUS_ZOMBIE:
                yield process, label
        except (psutil.Error, OSError):
            continue  # ended, or another user's


def session_processes(scratch: Path) -> Iterator[psutil.Process]:
    """Running processes of a run's recorded sessions whose first process still runs."""
    try:
        lines = [line.split() for line in (scratch / SESSIONS).read_text().splitlines()]
    except OSError:
        return
    started = {int(pid): float(at) for pid, at in lines}
    for process in psutil.process_iter():
        try:
            session = os.getsid(process.pid)
            leader_started = psutil.Process(session).create_time() if session in started else math.inf
            same = abs(leader_started - started.get(session, 0)) < SAME_START_SECONDS  # else the id was reused
            if same and process.status() != psutil.STATUS_ZOMBIE:
                yield process
        except (psutil.Error, OSError):
            continue


def end_processes_of(label: str, scratch: Path) -> None:
    """End all processes of a run; SIGKILL after a grace period."""
    mine = {*(process for process, found in labelled_processes() if found == label), *session_processes(scratch)}
    mine = {process for process in mine if process.pid != os.getpid()}
    for process in mine:
        with suppress(psutil.Error):
            # SIGTERM lets PostgreSQL wait for its clients; SIGQUIT ends it at once and frees its shared memory
            process.send_signal(signal.SIGQUIT if process.name() == "postgres" else SIGTERM)
    _, alive = psutil.wait_procs(mine, timeout=GRACE_SECONDS)
    for process in alive:
        with suppress(psutil.Error):
            process.kill()


def is_owner_alive(label: str) -> bool:
    """Whether the harness process of a label still runs."""
    try:
        pid, started, _ = label.split("-", 2)
        return abs(psutil.Process(int(pid)).create_time() - int(started)) <= 1
    except (psutil.Error, ValueError):
        return False


def with_log(error: Failure, log: Path) -> Failure:
    """Add the last lines of a log to an error as a note."""
    lines: list[str] = []
    with suppress(OSError):
        lines = log.read_text(errors="replace").splitlines()
    error.add_note(last_lines(log, lines))
    return error


def last_lines(log: object, lines: Sequence[str]) -> str:
    """The note with the last lines of a log."""
    return "\n".join([f"last lines of {log}:", *(f"  {line}" for line in lines[-TAIL_LINES:] or ["(empty)"])])


def last_line(text: str) -> str:
    """The last line of an output that is not blank."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no output")


def describe_status(status: int) -> str:
    """A return code in words: ``status 1`` or ``signal SIGKILL``."""
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"
