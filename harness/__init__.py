"""Proves under load what a database migration does to a service.

The module list is the data flow: errors, metric, target, plan, samples, readings, trial, statistics, summary,
comparison, verdict, then everything that touches the world. A module imports only from modules before it.
"""

__version__ = "0.1.0"
