"""The indexes of the recommendation service, built without CONCURRENTLY in one transaction, as a bad example.

``python plain_indexes.py plain`` builds them in the database at DATABASE_URL. Any other revision drops them and
migrates to it with Alembic.
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
    """Migrate the database to a revision."""
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
