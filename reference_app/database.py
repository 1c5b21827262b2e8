"""Connections to PostgreSQL: one per request, or a pool. Both count and time every statement.

BEGIN and COMMIT do not count: psycopg sends them itself, past the cursor.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from time import perf_counter
from typing import Any, LiteralString, Protocol, Self

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from reference_app.errors import OverloadedError
from reference_app.exchange import current_exchange
from reference_app.metrics import Metrics, PoolFigures

logger = logging.getLogger(__name__)

SLOW_STATEMENT_SECONDS = 0.1
_SHOWN_CHARACTERS = 200

Connection = AsyncConnection[DictRow]


class CountingCursor(psycopg.AsyncCursor[DictRow]):
    """Counts statements for the request that executes them, and logs the slow ones with their route."""

    metrics: Metrics

    async def execute(self, *args: Any, **kwargs: Any) -> Self:  # noqa: ANN401 - passes on psycopg's overloads
        """Execute, and count also what fails."""
        started = perf_counter()
        try:
            return await super().execute(*args, **kwargs)
        finally:
            self._count(args[0], perf_counter() - started)

    def _count(self, statement: object, seconds: float) -> None:
        self.metrics.observe_query(seconds)
        exchange = current_exchange.get()
        if exchange is not None:
            exchange.statements += 1
            exchange.statement_seconds += seconds
        if seconds >= SLOW_STATEMENT_SECONDS:
            where = exchange.route if exchange is not None else "outside a request"
            text = " ".join(str(statement).split())[:_SHOWN_CHARACTERS]
            logger.warning("slow statement: %.0f ms, %s: %s", seconds * 1000, where, text)


def _cursor_class(metrics: Metrics) -> type[CountingCursor]:
    return type("CountingCursor", (CountingCursor,), {"metrics": metrics})


class Database(Protocol):
    """Where an implementation gets its connections."""

    def connection(self) -> AbstractAsyncContextManager[Connection]:
        """A connection for the time of the block."""
        ...

    def figures(self) -> PoolFigures:
        """Its connections at this moment."""
        ...


class ConnectionPerRequest:
    """Opens a connection when a request needs one and closes it afterwards. Statements run in a transaction."""

    def __init__(self, url: str, metrics: Metrics) -> None:
        self._url = url
        self._cursor_class = _cursor_class(metrics)
        self._open = 0

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Commit at the end of the block, roll back on an error."""
        self._open += 1
        try:
            async with await self._connect() as connection:
                yield connection
        finally:
            self._open -= 1

    async def _connect(self) -> Connection:
        try:
            return await AsyncConnection.connect(
                self._url, row_factory=dict_row, cursor_factory=self._cursor_class, options="-c timezone=UTC"
            )
        except psycopg.OperationalError as error:
            raise OverloadedError("the database accepts no connection") from error

    def figures(self) -> PoolFigures:
        """Every open connection is in use, and nothing bounds them."""
        return PoolFigures(size=self._open, in_use=self._open, waiting=0, limit=None)


class Pool:
    """5 to 20 connections that stay open; each statement commits on its own unless the code opens a transaction."""

    MINIMUM, MAXIMUM = 5, 20
    IDLE_SECONDS = 30.0
    CONNECT_SECONDS = 2
    STATEMENT_MS = 1000

    def __init__(self, url: str, metrics: Metrics) -> None:
        self._pool = AsyncConnectionPool(
            url,
            connection_class=AsyncConnection[DictRow],
            kwargs={
                "row_factory": dict_row,
                "cursor_factory": _cursor_class(metrics),
                "autocommit": True,
                "connect_timeout": self.CONNECT_SECONDS,
                "options": f"-c timezone=UTC -c statement_timeout={self.STATEMENT_MS}",
            },
            min_size=self.MINIMUM,
            max_size=self.MAXIMUM,
            max_idle=self.IDLE_SECONDS,
            timeout=self.CONNECT_SECONDS,
            open=False,
        )

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Wait for a connection as long as the claim allows, then give up."""
        try:
            async with self._pool.connection() as connection:
                yield connection
        except PoolTimeout as error:
            raise OverloadedError("no connection became free in time") from error

    def figures(self) -> PoolFigures:
        """The pool's own account."""
        stats = self._pool.get_stats()
        size = stats["pool_size"]
        return PoolFigures(
            size=size,
            in_use=size - stats["pool_available"],
            waiting=stats.get("requests_waiting", 0),
            limit=self.MAXIMUM,
        )

    async def __aenter__(self) -> Self:
        await self._pool.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.close()


async def answers(database: Database) -> bool:
    """Whether the database answers a query."""
    statement: LiteralString = "SELECT 1"
    try:
        async with database.connection() as connection:
            await connection.execute(statement)
    except (psycopg.Error, OverloadedError):
        return False
    return True
