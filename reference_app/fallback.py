"""Fallback responses while the database is unavailable, marked by a header."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from reference_app.database import is_failure
from reference_app.exchange import current_exchange

Fallback = Callable[[], bytes | None]


FallbackPolicy = Callable[[Awaitable[bytes], Fallback], Coroutine[Any, Any, bytes]]
"""Returns a response or its fallback; without a fallback it raises the error."""


async def with_fallback(answer: Awaitable[bytes], fallback: Fallback) -> bytes:
    """Serve ``fallback`` when the database fails; the middleware sets the header X-Fallback."""
    try:
        return await answer
    except Exception as error:
        body = fallback() if is_failure(error) else None
        if body is None:
            raise
        exchange = current_exchange.get()
        if exchange is not None:
            exchange.fallback = True
        return body


async def without_fallback(answer: Awaitable[bytes], _: Fallback) -> bytes:
    """Return the response or raise its error."""
    return await answer
