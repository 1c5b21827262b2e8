"""The harness without guards of the load generator: a busy machine does not make a run INVALID.

Whole runs share the machine with other tests, which delays the generator. Guards are tested on recorded numbers; here
they would make the outcome depend on other tests.
"""

from contextlib import ExitStack
from math import inf
from unittest.mock import patch

from harness.__main__ import main
from harness.analysis import soundness
from harness.verdict import arrivals, guards


def unguarded() -> ExitStack:
    """A context in which no limit of a guard is reached."""
    with ExitStack() as stack:
        for module, limit in ((guards, "BUSY_CPU_SHARE"), (arrivals, "LATE_MS"), (soundness, "MAX_PAUSE_MS")):
            stack.enter_context(patch.object(module, limit, inf))
        return stack.pop_all()


if __name__ == "__main__":
    with unguarded():
        main()
