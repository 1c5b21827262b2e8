"""Up, down and up again is the same schema; what an interrupted migration left behind is repaired."""

import psycopg
import pytest

from tests.reference import running
from tests.reference.running import Postgres

pytestmark = pytest.mark.e2e

SCHEMA = """
    SELECT 'column', attrelid::regclass::text, attname, format_type(atttypid, atttypmod), attnotnull::text
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated::text
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'index', indrelid::regclass::text, pg_get_indexdef(indexrelid), obj_description(indexrelid), indisvalid::text
    FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE relnamespace = 'public'::regnamespace
    ORDER BY 1, 2, 3
"""


def migrate(url: str, revision: str) -> list[str]:
    done = running.run("migrate", "recommendation", revision, DATABASE_URL=url)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def schema(url: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(SCHEMA).fetchall()


def test_up_down_and_up_is_the_same_schema(postgres: Postgres) -> None:
    url = postgres.create("up_and_down")
    assert migrate(url, "0001") == ["upgrade base -> 0001"]
    initial = schema(url)
    assert migrate(url, "head") == ["upgrade 0001 -> 0002"]
    performance = schema(url)
    assert performance != initial
    assert migrate(url, "0001") == ["downgrade 0002 -> 0001"]
    assert schema(url) == initial
    assert migrate(url, "base") == ["downgrade 0001 -> base"]
    assert migrate(url, "0002") == ["upgrade base -> 0001", "upgrade 0001 -> 0002"]
    assert schema(url) == performance
    assert migrate(url, "head") == []


def test_initial_schema_has_no_index_beside_its_keys(postgres: Postgres, seeded: str) -> None:
    with psycopg.connect(postgres.url(seeded)) as connection:
        rows = connection.execute("""
            SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
            WHERE relnamespace = 'public'::regnamespace AND NOT indisprimary
        """)
        assert rows.fetchall() == []


def test_no_index_is_the_beginning_of_another(postgres: Postgres, indexed: str) -> None:
    with psycopg.connect(postgres.url(indexed)) as connection:
        rows = connection.execute("SELECT indrelid, indkey::text FROM pg_index WHERE indrelid >= 16384").fetchall()
    columns = [(table, f"{keys} ") for table, keys in rows]
    beginnings = [(a, b) for a in columns for b in columns if a is not b and a[0] == b[0] and b[1].startswith(a[1])]
    assert beginnings == []


def test_an_invalid_index_is_dropped_and_built_again(postgres: Postgres, indexed: str, seeded: str) -> None:
    url = postgres.create("interrupted", seeded)
    with psycopg.connect(url, autocommit=True) as connection, pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute("CREATE UNIQUE INDEX CONCURRENTLY user_interactions_of_user ON user_interactions (user_id)")
    left_behind = [row for row in schema(url) if row[0] == "index" and row[4] == "false"]
    assert len(left_behind) == 1
    migrate(url, "head")
    assert schema(url) == schema(postgres.url(indexed))
