# ruff: noqa: S608 - the joined texts are constants of the services
"""Refresh of a materialized view whose readers get exact results, however old the view is.

A change of the view's source marks the stale part, in the same transaction, by a row in another table. Readers compute
marked parts from the source tables. The refresh removes the marks that existed before it, in one transaction, so that
a reader sees the old view with its marks, or the new one without. A mark made meanwhile stays: the view may have missed
that change.
"""

from typing import LiteralString

from reference_app.database import Database, rows, transaction

SECONDS = 30
"""The timeout of a refresh; no request waits for it."""


async def renew(database: Database, view: LiteralString, marks: LiteralString) -> None:
    """Refresh the view CONCURRENTLY if a mark exists; one process at a time."""
    async with transaction(database, seconds=SECONDS) as connection:
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (view,))
        seen = [mark["id"] for mark in await rows(connection, f"SELECT id FROM {marks}")]
        if seen:
            await connection.execute(f"REFRESH MATERIALIZED VIEW CONCURRENTLY {view}")
            await connection.execute(f"DELETE FROM {marks} WHERE id = ANY (%s)", (seen,))
