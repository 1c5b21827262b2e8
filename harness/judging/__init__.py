"""Judging: what breaks a run, what casts doubt on it, and what a change has to show to pass or to fail."""
