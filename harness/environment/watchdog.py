"""``python -m harness.environment.watchdog LABEL SCRATCH FOLDER...``: ends what a run left when the run is gone.

Waits until its standard input closes, which the kernel does for a harness that was killed, then ends every process of
the run, removes its containers where it made any, and its scratch folders. Where the engine does not answer the folders
stay, so that the next command finds whose containers are left.
"""

import shutil
import signal
import sys
from pathlib import Path

from harness.environment.processes import CONTAINERS, end_processes_of


def main() -> None:
    """Wait for the end of the harness and clean up after it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    label, *folders = sys.argv[1:]
    sys.stdin.buffer.read()
    end_processes_of(label, Path(folders[0]))
    if not remove_containers(label, Path(folders[0])):
        return
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def remove_containers(label: str, scratch: Path) -> bool:
    """Remove the containers of a run that made some; returns whether none is left."""
    if not (scratch / CONTAINERS).exists():
        return True
    from harness.environment.compose.engine import remove_all_owned  # noqa: PLC0415 - the SDK takes a second, few runs need it

    return remove_all_owned(label)


if __name__ == "__main__":
    main()
