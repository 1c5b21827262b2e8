"""``python -m harness.environment.watchdog LABEL SCRATCH FOLDER...``: ends what a run left when the run is gone.

Waits until its standard input closes, which the kernel does for a harness that was killed, then ends every process of
the run and removes its scratch folders.
"""

import shutil
import signal
import sys
from pathlib import Path

from harness.environment.processes import end_all


def main() -> None:
    """Wait for the end of the harness and clean up after it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    label, *folders = sys.argv[1:]
    sys.stdin.buffer.read()
    end_all(label, Path(folders[0]))
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
