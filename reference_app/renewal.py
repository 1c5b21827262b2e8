# ruff: noqa: S608 - what is joined here are constants of the services
"""Renewal of a materialized view whose readers are never wrong, however old it is.

Whoever changes what the view shows marks, in the same transaction, what is stale of it: a row of another table. Readers
take what is marked from its source. Renewing the view removes the marks that were there before it was read anew, all in
one transaction, so that a reader meets the old view with its marks, or the new one without. A mark that was made
meanwhile stays: it tells of a change that the view may have missed.
"""

from typing import LiteralString

from reference_app.database import Database, rows, transaction

SECONDS = 30
"""How long it may take: nobody waits for it."""


async def renew(database: Database, view: LiteralString, marks: LiteralString) -> None:
    """Renew the view if something is marked, while everybody reads it; one process at a time."""
    async with transaction(database, seconds=SECONDS) as connection:
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (view,))
        seen = [mark["id"] for mark in await rows(connection, f"SELECT id FROM {marks}")]
        if seen:
            await connection.execute(f"REFRESH MATERIALIZED VIEW CONCURRENTLY {view}")
            await connection.execute(f"DELETE FROM {marks} WHERE id = ANY (%s)", (seen,))
