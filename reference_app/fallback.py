"""What is answered while the database cannot be asked: something useful that is marked as not the answer itself."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from reference_app.database import is_failure
from reference_app.exchange import current_exchange

Instead = Callable[[], bytes | None]


OrElse = Callable[[Awaitable[bytes], Instead], Coroutine[Any, Any, bytes]]
"""Decides between an answer and what is given instead of it; without either it raises the error of the answer."""


async def with_fallback(answer: Awaitable[bytes], instead: Instead) -> bytes:
    """``instead`` answers when the database fails; the measurement says so in the header X-Fallback."""
    try:
        return await answer
    except Exception as error:
        body = instead() if is_failure(error) else None
        if body is None:
            raise
        exchange = current_exchange.get()
        if exchange is not None:
            exchange.fallback = True
        return body


async def without_fallback(answer: Awaitable[bytes], _: Instead) -> bytes:
    """The answer or the error."""
    return await answer
