"""Faults of processes of this machine and their children."""

import time
from collections.abc import Callable
from contextlib import suppress

import psutil

from harness.environment.processes import ManagedProcess
from harness.errors import EnvironmentFailedError
from harness.plan.faults import FaultKind

EndFault = Callable[[], None]
"""Ends a fault: resumes a paused process, restarts a killed one."""
END_SECONDS = 10.0


def inject_fault(process: ManagedProcess, kind: FaultKind) -> EndFault:
    """Inject a fault; returns its end. Raises ``EnvironmentFailedError`` if the process has ended, or does not end."""
    if not process.tree():
        raise EnvironmentFailedError(f"{process.name} ended before its fault")
    if kind is FaultKind.PAUSE:
        return _pause(process)
    process.down = True
    if kind is FaultKind.KILL:
        _kill(process)
    else:
        process.end(seconds=END_SECONDS)
    return process.restart


def _pause(process: ManagedProcess) -> EndFault:
    stopped = process.tree()
    for one in stopped:  # the parent first, so that it starts no further child
        with suppress(psutil.NoSuchProcess):
            one.suspend()

    def resume() -> None:
        for one in reversed(stopped):
            with suppress(psutil.NoSuchProcess):
                one.resume()

    return resume


def _kill(process: ManagedProcess) -> None:
    """Kill the whole tree: a server whose children outlive it cannot restart on its data."""
    killed = process.tree()
    for one in killed:
        with suppress(psutil.NoSuchProcess):
            one.kill()
    process.popen.wait(END_SECONDS)
    deadline = time.monotonic() + END_SECONDS
    while any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in killed):
        if time.monotonic() > deadline:
            raise EnvironmentFailedError(f"{process.name} did not end after SIGKILL")
        time.sleep(0.01)
