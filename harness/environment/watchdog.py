"""``python -m harness.environment.watchdog LABEL SCRATCH FOLDER...``: cleans up after a run.

It waits until its standard input closes, as the kernel does when the harness is killed, then ends every process of the
run and removes its containers and folders. If Docker does not answer, the folders stay: they identify the containers.
"""

import shutil
import signal
import sys
from pathlib import Path

from harness.environment.processes import CONTAINERS, end_processes_of


def main() -> None:
    """Wait for the end of the harness, then clean up."""
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
    """Remove the containers of a run, if it had any; returns whether none is left."""
    if not (scratch / CONTAINERS).exists():
        return True
    from harness.environment.compose.labels import remove_all_owned  # noqa: PLC0415 - the Docker SDK takes a second

    return remove_all_owned(label)


if __name__ == "__main__":
    main()
