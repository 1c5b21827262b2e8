"""Proves under load what a database migration does to a service.

docs/architecture.md has the packages, one per phase of a run, their allowed imports, and where to add what.
"""

__version__ = "0.1.0"
