"""Indexes and foreign keys in the catalogue of a real server."""

from collections.abc import Callable

import psycopg
import pytest

from harness.environment.postgres import read_content
from harness.evidence.indexes import FlawKind, Workload, migration_indexes
from harness.probes.access import Connection
from harness.probes.catalogue import index_created, read_build_seconds, read_catalogue, read_uses
from harness.record.catalogue import Catalogue, IndexScans
from tests.servers.probes.conftest import Make

SCHEMA = """
CREATE TABLE parents (id int PRIMARY KEY, code text UNIQUE);
CREATE TABLE children (
    id int PRIMARY KEY, parent int REFERENCES parents, name text, born date, "Odd Name" int, during int4range,
    CONSTRAINT children_alone EXCLUDE USING gist (during WITH &&)
);
INSERT INTO parents SELECT i, 'p' || i FROM generate_series(1, 500) i;
INSERT INTO children SELECT i, 1 + i % 500, 'n' || i % 4000, DATE '2026-01-01' + i % 90, i, int4range(i, i + 1)
FROM generate_series(1, 5000) i;
CREATE INDEX there_before ON children (born DESC);
CREATE TABLE days (day date, n int) PARTITION BY RANGE (day);
CREATE TABLE days_1 PARTITION OF days FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE days_2 PARTITION OF days FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
CREATE SCHEMA other;
CREATE TABLE other.things (id int, name text COLLATE "C")
"""
MIGRATION = [
    "CREATE INDEX planted_used ON children (name)",
    "CREATE INDEX CONCURRENTLY IF NOT EXISTS planted_unused ON children (born, name)",
    "CREATE INDEX planted_used_again ON children (name)",
    "CREATE INDEX planted_longer ON children (born DESC, id)",
    "CREATE INDEX planted_of_parent ON children (parent)",
    "CREATE UNIQUE INDEX planted_unique ON children (id, born)",
    """CREATE INDEX "Planted Odd" ON children (lower(name) text_pattern_ops, "Odd Name" DESC NULLS LAST)
    INCLUDE (born) WHERE id > 10""",
    "CREATE INDEX of_days ON days (n)",
    "CREATE INDEX of_things ON other.things (name)",
]
FLAGGED = {
    "Planted Odd": (FlawKind.UNUSED, None),
    "planted_used_again": (FlawKind.DUPLICATE, "planted_used"),
    "planted_unused": (FlawKind.UNUSED, None),
    "planted_invalid": (FlawKind.INVALID, None),
    "there_before": (FlawKind.PREFIX, "planted_longer"),
    "of_days": (FlawKind.UNUSED, None),
    "other.of_things": (FlawKind.UNUSED, None),
}


def fetching(connection: Connection) -> Callable[[str], list[tuple[object, ...]]]:
    return lambda query: [*connection.execute(query.encode())]


def test_planted_indexes_are_found_and_those_that_are_needed_are_not_flagged(make: Make) -> None:
    database = make("planted")
    with database.connect() as connection:
        connection.execute(SCHEMA)
        before, indexes_before = read_catalogue(connection), read_content(fetching(connection)).indexes
        for statement in MIGRATION:
            connection.execute(statement.encode())
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("CREATE UNIQUE INDEX CONCURRENTLY planted_invalid ON children (name)")
        connection.execute("ANALYZE")
        after = read_catalogue(connection)
        created = read_content(fetching(connection)).indexes - indexes_before
    assert len(created) == len(MIGRATION) + 2  # one for each part of a table; without the INVALID one
    assert {"planted_used", "other.of_things", "Planted Odd"} <= created
    assert "planted_invalid" not in created
    with database.connect() as connection:
        connection.execute("SET enable_seqscan = off")
        connection.execute("SELECT * FROM children WHERE name = 'n7'")
        connection.execute("SELECT id FROM children ORDER BY born DESC, id LIMIT 5")
    with database.connect() as connection, database.statistics() as statistics:
        connection.execute("SELECT pg_stat_force_next_flush()")
        uses = read_uses(connection)
        seconds = read_build_seconds(statistics, database.name)
    workload = Workload({(None, name): use for name, use in uses.items()}, {(None, n): s for n, s in seconds.items()})
    found = migration_indexes(before, after, workload)
    flaws = {flaw.index.name: (flaw.kind, flaw.other and flaw.other.name) for flaw in found.flaws}
    assert flaws == FLAGGED
    assert sum((uses[name] for name in ("planted_used", "planted_used_again")), IndexScans()) == IndexScans(1, 2)
    _needs_and_costs_are_known({entry.index.name: entry for entry in found.entries}, after)


def _needs_and_costs_are_known(entries: dict, after: Catalogue) -> None:  # type: ignore[type-arg] # by name
    needs = {name: entry.needed for name, entry in entries.items() if entry.needed}
    assert needs == {
        "parents_pkey": "primary key",
        "parents_code_key": "backs the constraint parents_code_key",
        "children_pkey": "primary key",
        "children_alone": "backs the constraint children_alone",
        "planted_unique": "keeps rows unique",
        "planted_of_parent": "supports the foreign key to parents",
        "planted_invalid": "keeps rows unique",
    }
    made = {name for name, entry in entries.items() if entry.created}
    assert made == {index_created(text) for text in MIGRATION} - {"of_things"} | {"other.of_things", "planted_invalid"}
    built = {name for name, entry in entries.items() if entry.created and entry.seconds}
    assert built == made - {"planted_invalid"}
    assert {name for name, entry in entries.items() if not entry.index.size_bytes} == {"planted_invalid"}
    assert entries["Planted Odd"].index.shown == (
        'children (lower(name), "Odd Name" DESC NULLS LAST) INCLUDE (born) WHERE id > 10'
    )
    assert entries["Planted Odd"].index.keys[0].opclass == "text_pattern_ops"
    assert entries["other.of_things"].index.keys[0].collation == "C"
    assert {one.parent for one in after.indexes if one.table.startswith("days_")} == {"of_days"}


def test_without_rights_or_the_extension_nothing_is_known_of_the_building(make: Make) -> None:
    with make("unknowing").connect() as connection:
        assert read_build_seconds(connection, "unknowing") == {}


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("CREATE INDEX a ON t (x)", "a"),
        ("create unique index concurrently if not exists A_b on only public.t using btree (x)", "a_b"),
        ('/* who */ CREATE INDEX "We ""Are" ON "Sch"."T" (x) -- why', 'Sch.We "Are'),
        ("CREATE INDEX ON t (x)", None),
        ("CREATE TABLE indexes (create int)", None),
        ("SELECT 'create'", None),
    ],
)
def test_the_name_of_the_index_that_a_statement_creates(statement: str, name: str | None) -> None:
    assert index_created(statement) == name
