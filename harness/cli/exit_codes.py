"""The exit codes of all commands, in one table."""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes; those of an outcome have its name. Ctrl-C is 130, the shell's code for SIGINT."""

    PASS = 0
    FAIL = 1
    USAGE = 2
    INCONCLUSIVE = 3
    INVALID = 4
    ENVIRONMENT = 5
    TERMINATED = 143
