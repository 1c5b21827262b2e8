"""One package per service. Each defines a ``Service`` named SERVICE.

Every package has the same modules: ``entities`` (inputs and outputs), ``baseline`` and ``optimized`` (the two
implementations of its queries), ``statements`` (SQL of the optimized one), ``caching`` (lifetimes and invalidation),
``routes`` (HTTP).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from reference_app.errors import SetupError

if TYPE_CHECKING:
    from reference_app.service import Service

NAMES = ("recommendation", "auth", "payment", "content_streaming", "feed_filter", "activity")


def find(name: str) -> "Service[Any, Any]":
    """Find a service by name."""
    if name not in NAMES:
        raise SetupError(f"there is no service {name!r}; there is {', '.join(NAMES)}")
    service: Service[Any, Any] = import_module(f"{__name__}.{name}").SERVICE
    return service
