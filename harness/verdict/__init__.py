"""Verdict: targets, claims, guards and caveats of one run, and the outcome."""
