"""Up, down and up again is the same schema, for every service; what an interrupted migration left is repaired."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable

import psycopg
import pytest

from reference_app import services
from reference_app.migrations import migrate as move
from tests.reference import running
from tests.reference.conftest import Template
from tests.reference.running import Postgres

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


INDEXES = """
    SELECT indexrelid::regclass::text, indrelid::regclass::text, indisunique, indisvalid, indisprimary,
           pg_get_indexdef(indexrelid), obj_description(indexrelid)
    FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE relnamespace = 'public'::regnamespace AND indrelid <> to_regclass('alembic_version')
"""
every_service = pytest.mark.parametrize("name", services.NAMES)


def migrate(url: str, service: str, revision: str) -> list[str]:
    said: list[str] = []
    move(url, service, revision, said.append)
    return said


def schema(url: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(SCHEMA).fetchall()


@every_service
def test_up_down_and_up_is_the_same_schema(postgres: Postgres, name: str) -> None:
    url = postgres.create(f"up_and_down_{name}")
    assert migrate(url, name, "0001") == ["upgrade base -> 0001"]
    initial = schema(url)
    assert migrate(url, name, "head") == ["upgrade 0001 -> 0002"]
    performance = schema(url)
    assert performance != initial
    assert migrate(url, name, "0001") == ["downgrade 0002 -> 0001"]
    assert schema(url) == initial
    assert migrate(url, name, "base") == ["downgrade 0001 -> base"]
    assert migrate(url, name, "0002") == ["upgrade base -> 0001", "upgrade 0001 -> 0002"]
    assert schema(url) == performance
    assert migrate(url, name, "head") == []


def test_the_command_line_reports_each_step(postgres: Postgres) -> None:
    done = running.run("migrate", "recommendation", "head", DATABASE_URL=postgres.create("by_command"))
    assert (done.returncode, done.stdout) == (0, "upgrade base -> 0001\nupgrade 0001 -> 0002\n")


@every_service
def test_initial_schema_has_no_index_beside_its_keys(postgres: Postgres, template: Template, name: str) -> None:
    with psycopg.connect(postgres.url(template(name, "0001"))) as connection:
        assert [row for row in connection.execute(INDEXES) if not row[4]] == []


def test_forty_indexes_each_valid_none_a_duplicate_or_the_beginning_of_another(
    postgres: Postgres, template: Template
) -> None:
    made = 0
    for name in services.NAMES:
        with psycopg.connect(postgres.url(template(name, "head"))) as connection:
            found = connection.execute(INDEXES).fetchall()
        assert all(valid for _, _, _, valid, _, _, _ in found)
        assert all(why for *_, primary, _, why in found if not primary)  # named beside the query that needs it
        shapes = [(table, *columns_of(definition)) for _, table, *_, definition, _ in found]
        for one in shapes:
            for other in shapes:
                if one is not other and one[0] == other[0] and one[2] == other[2]:
                    assert other[1][: len(one[1])] != one[1], (one, other)
        made += sum(not primary for *_, primary, _, _ in found)
    assert made >= 40


def columns_of(definition: str) -> tuple[tuple[str, ...], str]:
    """What an index is of, in order, and for which rows."""
    matched = re.search(r"USING btree \((.*?)\)(?: INCLUDE \(.*?\))?(?: WHERE (.*))?$", definition)
    assert matched is not None, definition
    return tuple(matched[1].split(", ")), matched[2] or ""


def test_a_migration_killed_half_way_is_repaired_by_running_it_again(
    postgres: Postgres, indexed: str, seeded: str
) -> None:
    url = postgres.create("interrupted", seeded)
    command = [sys.executable, "-m", "reference_app", "migrate", "recommendation", "head"]
    with psycopg.connect(url) as writer:
        writer.execute("UPDATE contents SET title = title WHERE id = 1")  # an index being built waits for its end
        migration = subprocess.Popen(command, env=os.environ | {"DATABASE_URL": url}, stdout=subprocess.DEVNULL)
        try:
            until(lambda: left_behind(url) != [])
        finally:
            migration.kill()
            migration.wait()
        with psycopg.connect(url) as other:
            other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX%'")
        writer.rollback()
    until(lambda: not building(url))
    assert len(left_behind(url)) == 1
    assert migrate(url, "recommendation", "head") == ["upgrade 0001 -> 0002"]
    assert schema(url) == schema(postgres.url(indexed))


def left_behind(url: str) -> list[tuple[object, ...]]:
    return [row for row in schema(url) if row[0] == "index" and row[4] == "false"]


def building(url: str) -> bool:
    with psycopg.connect(url) as connection:
        running = "SELECT FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX%' AND state = 'active'"
        return connection.execute(running).fetchone() is not None


def until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)
