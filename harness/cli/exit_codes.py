"""The exit codes of all commands, in one table."""

from enum import IntEnum


class Exit(IntEnum):
    """What a command ends with; those of a verdict have its name. Ctrl-C ends as 130, as the shell has it."""

    PASS = 0
    FAIL = 1
    USAGE = 2
    INCONCLUSIVE = 3
    INVALID = 4
    ENVIRONMENT = 5
    TERMINATED = 143
