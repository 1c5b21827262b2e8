"""``python -m harness``, and what the ``harness`` command starts: Ctrl-C is Ctrl-C even while modules load."""

import os
from typing import NoReturn

INTERRUPTED = 130


def main() -> NoReturn:
    """Load the command line and run it."""
    try:
        from harness.cli.main import main as run  # noqa: PLC0415 - takes a second, in which somebody may press Ctrl-C

        run()
    except KeyboardInterrupt:
        # Not sys.exit: once an interrupt has passed through an exec() of text, as in dataclasses, CPython ends itself
        # by SIGINT whatever the exit status was to be.
        os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
