"""Proves under load what a database migration does to a service.

One package per phase of a run, each with the same file name for a feature:

    plan         what to run              analysis   samples to summary to comparison
    record       what was measured        evidence   why it changed
    environment  the system under test    verdict    targets, claims, guards, caveats
    probes       what is read beside it   selftest   trials with a known outcome
    generator    the load                 cli        commands, progress, exit codes
    run          the order of events      statistics numbers in, numbers out

docs/architecture.md has the allowed imports, and where to add what.
"""

__version__ = "0.1.0"
