"""Run: the order of events from the first block to the last, and everything that happens beside the load."""
