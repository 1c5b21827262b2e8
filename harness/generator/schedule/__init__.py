"""When users start, when arrivals are due, and when a load ends early."""
