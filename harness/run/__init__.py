"""The order of events of a run, and what runs beside the load."""
