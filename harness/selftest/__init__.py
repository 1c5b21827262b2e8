"""Selftest: trials whose outcome is known beforehand, run on this machine through the same road as anybody's plan."""
