"""One package per service. Each describes itself to the shared parts as a ``Service`` named SERVICE.

Inside a package the same names mean the same things: ``entities`` (what goes in and out), ``baseline`` and
``optimized`` (the two implementations of its queries), ``statements`` (the SQL of the second), ``caching`` (what is
kept for how long, and which write ends it), ``routes`` (HTTP).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from reference_app.errors import SetupError

if TYPE_CHECKING:
    from reference_app.service import Service

NAMES = ("recommendation", "auth", "payment", "content_streaming", "feed_filter", "activity")


def find(name: str) -> "Service[Any, Any]":
    """The service of that name."""
    if name not in NAMES:
        raise SetupError(f"there is no service {name!r}; there is {', '.join(NAMES)}")
    service: Service[Any, Any] = import_module(f"{__name__}.{name}").SERVICE
    return service
