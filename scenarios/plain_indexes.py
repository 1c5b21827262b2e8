"""The indexes of the recommendation service as they should not be built: not CONCURRENTLY, all in one transaction.

``python plain_indexes.py plain`` builds them, with another revision they are dropped and Alembic goes to that. The
database is that of DATABASE_URL.
"""

import importlib
import os
import sys

import psycopg
from psycopg import sql

from reference_app.migrations import migrate

PLAIN = "plain"
INDEXES = importlib.import_module("reference_app.migrations.recommendation.0002_performance").INDEXES


def main(revision: str) -> None:
    """Bring the database to a revision."""
    url = os.environ["DATABASE_URL"]
    with psycopg.connect(url) as connection:
        for index in INDEXES:
            name = sql.Identifier(index.name)
            if revision == PLAIN:
                connection.execute(sql.SQL("CREATE INDEX {} ON ").format(name) + sql.SQL(index.on))
            else:
                connection.execute(sql.SQL("DROP INDEX IF EXISTS {}").format(name))
    if revision != PLAIN:
        migrate(url, "recommendation", revision, print)


if __name__ == "__main__":
    main(sys.argv[1])
