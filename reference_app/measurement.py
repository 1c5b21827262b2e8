"""Middleware for every request: its duration, its counters, and the headers with them."""

from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reference_app.exchange import Exchange, current_exchange
from reference_app.metrics import Metrics


class Measurement:
    """ASGI middleware around the whole application, so that error responses have the headers too."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and measure it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        exchange = Exchange(scope)
        status = 500

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *_headers(exchange)]
            await send(message)

        token = current_exchange.set(exchange)
        try:
            await self._app(scope, receive, send_with_headers)
        finally:
            current_exchange.reset(token)
            self._metrics.observe_request(exchange.route, scope["method"], status, perf_counter() - started)


def _headers(exchange: Exchange) -> list[tuple[bytes, bytes]]:
    timing = f'db;dur={exchange.statement_seconds * 1000:.3f};desc="{exchange.statements} queries"'
    headers = [(b"x-cache", exchange.cache.encode()), (b"server-timing", timing.encode())]
    return [*headers, (b"x-fallback", b"popular")] if exchange.fallback else headers
