"""Seeded data: one module per service, each with a ``generate``."""

from collections.abc import Iterable
from importlib import import_module

from reference_app.seeding import Table


def generate(service: str, scale: float) -> Iterable[Table]:
    """The tables of a service, referenced ones first."""
    tables: Iterable[Table] = import_module(f"{__name__}.{service}").generate(scale)
    return tables
