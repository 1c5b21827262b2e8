"""``python -m harness``, and what the ``harness`` command starts: Ctrl-C is Ctrl-C even while modules load."""

import sys
from typing import NoReturn

INTERRUPTED = 130


def main() -> NoReturn:
    """Load the command line and run it."""
    try:
        from harness.cli import main as run  # noqa: PLC0415 - takes a second, in which somebody may press Ctrl-C
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    run()


if __name__ == "__main__":
    main()
