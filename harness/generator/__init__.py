"""The child program that makes the load. It alone imports Locust, which patches the whole process.

User files import their user class from here: ``from harness.generator import HttpUser``.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.generator.http.client import HttpUser

__all__ = ["HttpUser"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - PEP 562
    """Import the client, and Locust with it, on first use."""
    if name == "HttpUser":
        from harness.generator.http.client import HttpUser  # noqa: PLC0415

        return HttpUser
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
