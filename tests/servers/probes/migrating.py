"""Migrations on a real server, run as the harness runs them, while clients write."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event, Thread

import psycopg
from psycopg import sql

from harness.environment.processes import ManagedProcess
from harness.environment.servers import SERVICE_ROLE, Postgres, migration_url
from harness.probes.access import Database

TABLE = """
    CREATE TABLE items (id bigint PRIMARY KEY, title text NOT NULL, price int NOT NULL DEFAULT 1);
    INSERT INTO items SELECT n, 'item ' || n, n % 100 FROM generate_series(1, 5000) n;
"""
SCRIPT = """
import os, sys, psycopg
with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
    for statement in sys.argv[1:]:
        connection.execute(statement)
"""


def database(server: Postgres, name: str) -> Database:
    """A new database with a table."""
    server.execute(
        sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)),
        sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(SERVICE_ROLE)),
    )
    with psycopg.connect(server.url(name)) as connection:
        connection.execute(TABLE.encode())
    return Database(None, name, partial(server.connect, name), server.connect)


def migrate(server: Postgres, name: str, *statements: str, autocommit: bool = True) -> list[float]:
    """Run statements as a migration under load; returns the end times of the statements and the commit."""
    done = []
    with psycopg.connect(migration_url(server, name), autocommit=autocommit) as connection:
        for statement in statements:
            connection.execute(statement.encode())
            done.append(time.time())
        connection.commit()
        done.append(time.time())
    return done


@contextmanager
def writers(server: Postgres, name: str, count: int = 4) -> Iterator[list[float]]:
    """Clients that each change a row a hundred times a second; yields how long each change took, in ms."""
    over, took = Event(), list[float]()

    def write(number: int) -> None:
        with psycopg.connect(server.url(name), autocommit=True) as connection:
            while not over.wait(0.01):
                started = time.monotonic()
                connection.execute("UPDATE items SET price = price + 1 WHERE id = %s", (number,))
                took.append((time.monotonic() - started) * 1000)

    threads = [Thread(target=write, args=(number,)) for number in range(1, count + 1)]
    for thread in threads:
        thread.start()
    try:
        yield took
    finally:
        over.set()
        for thread in threads:
            thread.join(30)


class Migrated:
    """A system whose migrations are statements, given by revision."""

    def __init__(self, server: Postgres, own: Database, folder: Path, statements: dict[str, Sequence[str]]) -> None:
        self.server, self.own, self.folder, self.statements = server, own, folder, statements

    def databases(self) -> list[Database]:
        return [self.own]

    def start_migration(self, database: Database, command: str, revision: str, name: str) -> ManagedProcess:
        words = [sys.executable, "-c", command, *self.statements[revision]]
        env = {"DATABASE_URL": migration_url(self.server, database.name)}
        return self.server.processes.start(name, words, self.folder / f"{name}.log", cwd=self.folder, env=env)

    def statement_log(self) -> Path:
        return self.server.log
