"""Connections to PostgreSQL: one per request, or a pool; a circuit breaker may guard either.

Every statement commits on its own unless the code opens a transaction. All are counted and timed except BEGIN and
COMMIT, which psycopg sends without a cursor.
"""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from time import perf_counter
from typing import Any, LiteralString, Protocol, Self

import psycopg
from psycopg import AsyncConnection
from psycopg.errors import ObjectNotInPrerequisiteState, TransactionRollback
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from reference_app.breaker import Breaker
from reference_app.errors import NotFoundError, OverloadedError
from reference_app.exchange import current_exchange
from reference_app.metrics import Metrics, PoolFigures

logger = logging.getLogger(__name__)

SLOW_STATEMENT_SECONDS = 0.1
_SHOWN_CHARACTERS = 200

Row = Mapping[str, Any]


class Connection(AsyncConnection[DictRow]):
    """A connection with a client-side timeout: without it a stopped server blocks the connection forever."""

    patience_seconds: float | None = None

    def shut_down_socket(self) -> None:
        """Shut down the socket, so that the waiting code gets an OperationalError; cancelling needs the server."""
        logger.warning("a statement was not answered in %.1f s, closing its connection", self.patience_seconds)
        with socket.socket(fileno=os.dup(self.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)


class CountingCursor(psycopg.AsyncCursor[DictRow]):
    """Counts statements of the current request, and logs slow ones with the route."""

    metrics: Metrics

    async def execute(self, *args: Any, **kwargs: Any) -> Self:  # noqa: ANN401 - passes on psycopg's overloads
        """Execute; failed statements count too."""
        connection, limit = self.connection, None
        if isinstance(connection, Connection) and connection.patience_seconds is not None:
            limit = asyncio.get_running_loop().call_later(connection.patience_seconds, connection.shut_down_socket)
        started = perf_counter()
        try:
            return await super().execute(*args, **kwargs)
        finally:
            if limit is not None:
                limit.cancel()
            self._count(args[0], perf_counter() - started)

    def _count(self, statement: object, seconds: float) -> None:
        self.metrics.observe_query(seconds)
        exchange = current_exchange.get()
        if exchange is not None:
            exchange.statements += 1
            exchange.statement_seconds += seconds
        if seconds >= SLOW_STATEMENT_SECONDS:
            self.metrics.slow_queries.inc()
            where = exchange.route if exchange is not None else "outside a request"
            text = " ".join(str(statement).split())[:_SHOWN_CHARACTERS]
            logger.warning("slow statement: %.0f ms, %s: %s", seconds * 1000, where, text)


def _cursor_class(metrics: Metrics) -> type[CountingCursor]:
    return type("CountingCursor", (CountingCursor,), {"metrics": metrics})


class Database(Protocol):
    """The source of connections for queries."""

    def connection(self) -> AbstractAsyncContextManager[Connection]:
        """A connection for the duration of the block."""
        ...

    def figures(self) -> PoolFigures:
        """The number of connections at this moment."""
        ...


Parameters = Mapping[str, Any] | Sequence[Any]


async def rows(connection: Connection, statement: LiteralString, parameters: Parameters = ()) -> Sequence[Row]:
    """All rows of one statement."""
    return await (await connection.execute(statement, parameters)).fetchall()


async def one(connection: Connection, statement: LiteralString, parameters: Parameters, kind: str) -> Row:
    """The single row of a statement whose first parameter is the requested id.

    Raises:
        NotFoundError: when there is none; ``kind`` names the entity.
    """
    found = await (await connection.execute(statement, parameters)).fetchone()
    if found is None:
        raise NotFoundError(kind, next(iter(parameters.values() if isinstance(parameters, Mapping) else parameters)))
    return found


@asynccontextmanager
async def transaction(database: Database, *, seconds: float | None = None) -> AsyncIterator[Connection]:
    """A connection in a transaction; ``seconds`` replaces the default statement timeout."""
    async with database.connection() as connection, connection.transaction():
        usual = connection.patience_seconds
        if seconds is not None:
            await connection.execute("SELECT set_config('statement_timeout', %s, true)", (f"{seconds}s",))
            connection.patience_seconds = seconds + Pool.PATIENCE_SECONDS
        try:
            yield connection
        finally:
            connection.patience_seconds = usual


class ConnectionPerRequest:
    """Opens a connection per request and closes it afterwards."""

    def __init__(self, url: str, metrics: Metrics) -> None:
        self._url = url
        self._cursor_class = _cursor_class(metrics)
        self._open = 0

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A new connection; their number is unlimited."""
        self._open += 1
        try:
            async with await self._connect() as connection:
                yield connection
        finally:
            self._open -= 1

    async def _connect(self) -> Connection:
        try:
            return await Connection.connect(
                self._url,
                autocommit=True,
                row_factory=dict_row,
                cursor_factory=self._cursor_class,
                options="-c timezone=UTC",
            )
        except psycopg.OperationalError as error:
            raise OverloadedError("the database accepts no connection") from error

    def figures(self) -> PoolFigures:
        """The figures; every open connection is in use."""
        return PoolFigures(size=self._open, in_use=self._open, waiting=0, limit=None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing is open between requests."""


class Pool:
    """A pool of 5 to 20 open connections."""

    MINIMUM, MAXIMUM = 5, 20
    IDLE_SECONDS = 30.0
    CONNECT_SECONDS = 2
    STATEMENT_MS = 1000
    PATIENCE_SECONDS = 0.5  # beyond the statement timeout, which a hanging server does not enforce

    def __init__(self, url: str, metrics: Metrics) -> None:
        self._checking: asyncio.Task[None] | None = None
        self._pool = AsyncConnectionPool(
            url,
            connection_class=Connection,
            kwargs={
                "row_factory": dict_row,
                "cursor_factory": _cursor_class(metrics),
                "autocommit": True,
                "connect_timeout": self.CONNECT_SECONDS,
                "options": f"-c timezone=UTC -c statement_timeout={self.STATEMENT_MS}",
            },
            configure=self._limit,
            min_size=self.MINIMUM,
            max_size=self.MAXIMUM,
            max_idle=self.IDLE_SECONDS,
            timeout=self.CONNECT_SECONDS,
            reconnect_timeout=self.CONNECT_SECONDS,  # the next request connects again, without a long backoff
            open=False,
        )

    async def _limit(self, connection: Connection) -> None:
        connection.patience_seconds = self.STATEMENT_MS / 1000 + self.PATIENCE_SECONDS

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Wait for a free connection until the timeout, then raise OverloadedError."""
        try:
            async with self._pool.connection() as connection:
                try:
                    yield connection
                finally:
                    if connection.broken:
                        self._check_idle()
        except PoolTimeout as error:
            raise OverloadedError("no connection became free in time") from error

    def _check_idle(self) -> None:
        """Check the idle connections when one breaks: they may be broken too."""
        if self._checking is None or self._checking.done():
            self._checking = asyncio.create_task(self._pool.check())

    def figures(self) -> PoolFigures:
        """The figures of psycopg's pool."""
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
        if self._checking is not None:
            self._checking.cancel()
        await self._pool.close()


class GuardedDatabase:
    """A database guarded by a circuit breaker."""

    def __init__(self, database: Database, breaker: Breaker) -> None:
        self._database = database
        self._breaker = breaker

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection; rejected while the breaker is open."""
        with self._breaker.attempt():
            async with self._database.connection() as connection:
                yield connection

    def figures(self) -> PoolFigures:
        """The figures of the guarded database."""
        return self._database.figures()


_HEALTHY = (TransactionRollback, ObjectNotInPrerequisiteState)


def is_failure(error: Exception) -> bool:
    """Whether an error counts as a failure of the database.

    A deadlock, a serialization conflict or a failed refresh of a view does not.
    """
    unavailable = (OverloadedError, psycopg.OperationalError, psycopg.InterfaceError)
    return isinstance(error, unavailable) and not isinstance(error, _HEALTHY)


async def answers(database: Database) -> bool:
    """Whether a test query succeeds."""
    try:
        async with database.connection() as connection:
            await connection.execute("SELECT 1")
    except (psycopg.Error, OverloadedError):
        return False
    return True
