"""Selftest: trials with a known outcome on this machine, run, measured and judged like any plan."""
