"""Processes: start what a run needs so that it can always be found and ended.

Every process is started in a session of its own, which is written down, and carries the run's label in its environment,
which its children inherit. Either makes a process the run's: servers that set their title overwrite their environment,
programs that turn themselves into daemons leave their session. Nothing else is ever touched. A watchdog process holds
one end of a pipe: when the harness goes, however it goes, the pipe closes and the watchdog ends what is left.
"""

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
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
    """A running process of the run and its log; ``down`` while a fault has ended it, which is then no error."""

    def __init__(
        self, name: str, spawn: "Callable[[], subprocess.Popen[bytes]]", log: Path, stops_by: signal.Signals
    ) -> None:
        self.name, self.log, self.stops_by = name, log, stops_by
        self.down = False
        self._spawn = spawn
        self.popen = spawn()

    @property
    def pid(self) -> int:
        """The process id, which is also the process group."""
        return self.popen.pid

    def check(self) -> None:
        """Raise if it has ended.

        Raises:
            EnvironmentFailedError: with the last lines of its log as a note.
        """
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
    """End processes and their groups at the same time, by SIGKILL what is left after ``seconds``."""
    deadline = time.monotonic() + seconds
    for process in processes:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, process.stops_by)
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.popen.wait(max(0.0, deadline - time.monotonic()))
        with suppress(ProcessLookupError):  # of the group nothing is left, as it should be
            os.killpg(process.pid, signal.SIGKILL)
            process.popen.wait(GRACE_SECONDS)


class ManagedProcesses:
    """All processes of one run."""

    def __init__(self, scratch: Path, *folders: Path, cores: Sequence[int] = ()) -> None:
        self.label = f"{os.getpid()}-{int(psutil.Process().create_time())}-{os.urandom(3).hex()}"
        self.scratch, self.folders, self.cores = scratch, (scratch, *folders), cores
        self._started: list[ManagedProcess] = []
        self._watchdog: subprocess.Popen[bytes] | None = None

    def guard(self) -> None:
        """Record the owner of the scratch folder, and start the watchdog, which later removes the folders."""
        owner = self.scratch / f"{OWNER}.partial"
        try:
            owner.write_text("\n".join([self.label, *map(str, self.folders)]))
            owner.rename(self.scratch / OWNER)
        except OSError as error:
            raise EnvironmentFailedError(f"{self.scratch}: {error.strerror}{advice(str(error))}") from error
        command = [sys.executable, "-m", "harness.environment.watchdog", self.label, *map(str, self.folders)]
        self._watchdog = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )

    def check(self) -> None:
        """Raise if the watchdog has ended, because nothing would clean up after a kill of the harness."""
        status = self._watchdog.poll() if self._watchdog else None
        if status is not None:
            raise EnvironmentFailedError(
                f"the watchdog ended by itself ({describe_status(status)}), so that nobody would clean up if the harness were "
                "killed: see who ends processes here, and run the plan again"
            )

    def start(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        *,
        cwd: Path,
        env: Mapping[str, str],
        stops_by: signal.Signals = signal.SIGTERM,
    ) -> ManagedProcess:
        """Start a process with its output in ``log``; ``stops_by`` is the signal that ends it.

        Raises:
            EnvironmentFailedError: if the program does not exist or must not be executed.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        process = ManagedProcess(
            name, partial(self._spawn, name, command, log, cwd, self.environment(env)), log, stops_by
        )
        self._started.append(process)
        return process

    def _spawn(
        self, name: str, command: Sequence[str], log: Path, cwd: Path, env: Mapping[str, str]
    ) -> "subprocess.Popen[bytes]":
        with log.open("ab") as output:
            try:
                popen = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=cwd,
                    env=env,
                    start_new_session=True,
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
        """Run a command to its end; returns seconds.

        Raises:
            CommandError: if it fails or takes longer than ``seconds``, with the last lines of its log as a note.
        """
        started = time.monotonic()
        process = self.start(name, command, log, cwd=cwd, env=env)
        try:
            status = process.popen.wait(seconds)
        except subprocess.TimeoutExpired:
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
        for popen in ended:  # what takes longer on a busy machine ends by itself, as it does when the harness is killed
            with suppress(subprocess.TimeoutExpired):
                popen.wait(max(deadline - time.monotonic(), 0.0))


def pin_to_cores(pid: int, cores: Sequence[int]) -> None:
    """Keep a process, and what it starts from now on, on some cores; all of them when none is named.

    Raises:
        EnvironmentFailedError: when this machine has no such core, or cannot keep processes on cores.
    """
    if not cores:
        return
    try:
        os.sched_setaffinity(pid, cores)
    except ProcessLookupError:
        return
    except (AttributeError, OSError) as error:
        there = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else "chosen by the system"
        raise EnvironmentFailedError(f"cores {list(cores)}: not possible here; this machine's are {there}") from error


def labelled_processes() -> Iterator[tuple[psutil.Process, str]]:
    """Running processes that carry a run's label, with it."""
    for process in psutil.process_iter():
        try:
            label = process.environ().get(LABEL)
            if label and process.status() != psutil.STATUS_ZOMBIE:
                yield process, label
        except (psutil.Error, OSError):
            continue  # ended meanwhile, or another user's


def session_processes(scratch: Path) -> Iterator[psutil.Process]:
    """Running processes of the sessions that a run wrote down, as long as the session's first process lives."""
    try:
        lines = [line.split() for line in (scratch / SESSIONS).read_text().splitlines()]
    except OSError:
        return
    started = {int(pid): float(at) for pid, at in lines}
    for process in psutil.process_iter():
        try:
            session = os.getsid(process.pid)
            leader_started = psutil.Process(session).create_time() if session in started else math.inf
            same = abs(leader_started - started.get(session, 0)) < SAME_START_SECONDS  # else the number was used again
            if same and process.status() != psutil.STATUS_ZOMBIE:
                yield process
        except (psutil.Error, OSError):
            continue


def end_processes_of(label: str, scratch: Path) -> None:
    """End all processes of a run, by SIGKILL what is left after a grace period."""
    mine = {*(process for process, found in labelled_processes() if found == label), *session_processes(scratch)}
    mine = {process for process in mine if process.pid != os.getpid()}
    for process in mine:
        try:
            # SIGTERM lets PostgreSQL wait for its clients; SIGQUIT ends it at once and frees its shared memory
            process.send_signal(signal.SIGQUIT if process.name() == "postgres" else signal.SIGTERM)
        except psutil.Error:
            continue
    _, alive = psutil.wait_procs(mine, timeout=GRACE_SECONDS)
    for process in alive:
        try:
            process.kill()
        except psutil.Error:
            continue


def is_owner_alive(label: str) -> bool:
    """Whether the harness that made a label is still running."""
    try:
        pid, started, _ = label.split("-", 2)
        return abs(psutil.Process(int(pid)).create_time() - int(started)) <= 1
    except (psutil.Error, ValueError):
        return False


def with_log(error: Failure, log: Path) -> Failure:
    """Attach the last lines of a log to an error, as evidence."""
    try:
        lines = log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
    except OSError:
        lines = []
    tail = "\n".join(f"  {line}" for line in lines) or "  (empty)"
    error.add_note(f"last lines of {log}:\n{tail}")
    return error


def describe_status(status: int) -> str:
    """A process's return code in words."""
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"
