"""Worker processes: they generate load on this machine for a run on another one.

Each leg needs a new generator process, because user files read their addresses and seed at import. The process fetches
plan and user files from the master.
"""

import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import PIPE, Popen

from harness.environment.processes import describe_status, with_log
from harness.errors import MeasurementError

DONE, GONE, ABSENT = 0, 3, 4
"""Exit statuses of ``harness.generator work``."""


@dataclass(slots=True)
class WorkerProcesses:
    """Generator processes for the master at ``HOST:PORT``, until the master ends the run."""

    master: str
    processes: int
    wait_seconds: float  # for the master, before the first leg and between legs
    say: Callable[[str], None]  # shows a line of progress
    _children: "dict[int, Popen[bytes]]" = field(default_factory=dict)
    _failures: list[MeasurementError] = field(default_factory=list)
    _ending: threading.Event = field(default_factory=threading.Event)

    def serve(self) -> None:
        """Work until the run is over; raises ``MeasurementError`` if a process fails, or the master does not answer."""
        slots = [threading.Thread(target=self._slot, args=(slot,)) for slot in range(1, self.processes + 1)]
        try:
            for slot in slots:
                slot.start()
            while any(slot.is_alive() for slot in slots) and not self._failures:
                time.sleep(0.1)
        finally:
            self._end()
            for slot in slots:
                slot.join()
        if self._failures:
            raise self._failures[0]

    def _slot(self, slot: int) -> None:
        """Run one process after another, one for each leg."""
        deadline = time.monotonic() + self.wait_seconds
        with tempfile.TemporaryDirectory(prefix="harness-worker-", ignore_cleanup_errors=True) as folder:
            log = Path(folder) / "log"
            while not self._ending.is_set():
                status, over = self._leg(slot, Path(folder) / "scratch", log)
                if over or self._ending.is_set():
                    return
                if status == DONE:
                    deadline = time.monotonic() + self.wait_seconds
                elif status != ABSENT or time.monotonic() > deadline:
                    self._failures.append(self._failure(status, log))
                    return

    def _leg(self, slot: int, scratch: Path, log: Path) -> tuple[int, bool]:
        """Run one process to its end; returns its status, and whether the run is over."""
        scratch.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "harness.generator", "work", "--master", self.master]
        command += ["--slot", str(slot), "--scratch", str(scratch)]
        over = False
        with (
            log.open("ab") as errors,
            Popen(command, stdin=PIPE, stdout=PIPE, stderr=errors, start_new_session=True) as child,
        ):
            self._children[slot] = child
            if self._ending.is_set():  # ended between start and registration
                child.kill()
            for line in child.stdout or ():
                report = json.loads(line)
                if "leg" in report:
                    self.say(f"leg {report['leg']}: worker {report['worker']} of {report['of']}")
                over |= bool(report.get("over"))
            return child.wait(), over

    def _failure(self, status: int, log: Path) -> MeasurementError:
        if status == ABSENT:
            return MeasurementError(f"no master at {self.master} in {self.wait_seconds:.0f} s")
        if status == GONE:
            return with_log(MeasurementError(f"lost the master at {self.master}: its run has ended early"), log)
        return with_log(MeasurementError(f"the generator failed ({describe_status(status)})"), log)

    def _end(self) -> None:
        self._ending.set()
        for child in self._children.values():
            with suppress(ProcessLookupError):
                child.kill()
