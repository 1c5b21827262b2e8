"""The workers that the master starts on its own machine."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path


class LocalWorkers:
    """The worker processes of this machine."""

    def __init__(self, address: str, scratch: Path) -> None:
        self.address, self.scratch = address, scratch
        self._started: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, count: int) -> None:
        """Start ``count`` workers; each ends when its standard input closes, so none outlives the master."""
        for slot in range(1, count + 1):
            folder = self.scratch / str(slot)
            folder.mkdir(parents=True)
            command = [sys.executable, "-m", "harness.generator", "work", "--master", self.address]
            command += ["--slot", str(slot), "--scratch", str(folder)]
            child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
            self._started[child.pid] = child

    def ended(self) -> dict[int, str]:
        """How workers ended, by process id."""
        codes = {pid: code for pid, child in self._started.items() if (code := child.poll()) is not None}
        return {
            pid: f"ended by signal {signal.Signals(-code).name}" if code < 0 else f"ended by itself with status {code}"
            for pid, code in codes.items()
        }

    def end(self, seconds: float = 5.0) -> None:
        deadline = time.monotonic() + seconds
        for child in self._started.values():
            try:
                child.wait(max(deadline - time.monotonic(), 0))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        shutil.rmtree(self.scratch, ignore_errors=True)
