"""One server process that runs until SIGTERM or SIGINT."""

import logging
import signal
import socket

import psycopg
import uvicorn
from starlette.types import ASGIApp

from reference_app.errors import SetupError

_GRACE_SECONDS = 1
_BACKLOG = 2048


def check_database(url: str) -> None:
    """Raise SetupError when the database is unreachable or has no schema."""
    with connect(url) as connection:
        found = connection.execute("SELECT to_regclass('alembic_version')").fetchone()
    if found is None or found[0] is None:
        raise SetupError("the database has no schema; run: python -m reference_app migrate SERVICE head")


def connect(url: str) -> psycopg.Connection:
    """A connection for the command line."""
    try:
        return psycopg.connect(url, connect_timeout=5)
    except psycopg.OperationalError as error:
        reason = str(error).strip().splitlines()[-1]
        raise SetupError(f"cannot reach the database, is PostgreSQL running at DATABASE_URL? {reason}") from None


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; binding first turns a port in use into one line."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise SetupError(f"cannot listen on {host}:{port}: {error.strerror}; choose another --port") from None
    listener.listen(_BACKLOG)
    return listener


def serve(app: ASGIApp, listener: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT, then finish running requests for at most a second."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        server_header=False,
    )
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, _already_handled)
    uvicorn.Server(config).run(sockets=[listener])


def _already_handled(*_: object) -> None:
    """Uvicorn raises the signal again after its shutdown; a requested end is a success."""
