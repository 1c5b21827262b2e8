"""Judging: the guards that break a run, its caveats, and the rules by which a target passes or fails."""
