"""Fingerprints of statements do not depend on their values."""

import pytest

from harness.record.statements import Counts, fingerprint, normalised

ALIKE = [
    ("SELECT tag FROM tags WHERE content_id = 7", "select tag\n  from tags where content_id=$1 -- by id"),
    ("SELECT 1 FROM t WHERE name = 'it''s'", "SELECT 1 FROM t WHERE name = %s"),
    ("SELECT * FROM t WHERE id IN (1, 2, 3)", "SELECT * FROM t WHERE id IN ($1 /*, ... */)"),
    ("INSERT INTO t (a, b) VALUES (1, 2), (3, 4)", "INSERT INTO t (a, b) VALUES ($1, $2)"),
    ("UPDATE t SET n = n + 1 WHERE x = -4", "/* who */ UPDATE t SET n = n + 1 WHERE x = $1"),
    ("SELECT * FROM t LIMIT 10 OFFSET 20", "SELECT * FROM t LIMIT $1 OFFSET $2"),
    ("SELECT 1 FROM t LEFT JOIN u ON true WHERE x = NULL", "SELECT $1 FROM t LEFT JOIN u ON $2 WHERE x = $3"),
    ("SELECT extract(epoch FROM now() - a) FROM t", "SELECT extract($1 FROM now() - a) FROM t"),
    ("SELECT 1 FROM t WHERE a > now() - INTERVAL '1 day'", "SELECT $1 FROM t WHERE a > now() - INTERVAL $2"),
    ("SELECT 1 FROM t WHERE a = DATE '2026-01-01'", "SELECT $1 FROM t WHERE a = DATE $2"),
    ("SELECT * FROM t WHERE a = ANY(ARRAY[1, 2])", "SELECT * FROM t WHERE a = ANY(ARRAY[$1 /*, ... */])"),
    ("SET work_mem = '4MB'", "set  work_mem = '8MB'"),
]
APART = [
    ("SELECT a FROM t", "SELECT b FROM t"),
    ("SELECT a FROM t WHERE x = 1", "SELECT a FROM t WHERE x > 1"),
    ("SELECT a FROM t ORDER BY a", "SELECT a FROM t ORDER BY a DESC"),
    ("CREATE INDEX a ON t (x)", "CREATE INDEX CONCURRENTLY a ON t (x)"),
    ("SELECT a FROM t WHERE x IS NULL", "SELECT a FROM t WHERE x IS TRUE"),
    ("SELECT * FROM t WHERE a = ANY($1)", "SELECT * FROM t WHERE a = $1"),
]
BROKEN = ["", "SELECT FROM WHERE (", "\x00", "SELECT '" + "x" * 10_000, "💥 λ", ";;", "SELECT 1 /* open", "(" * 5000]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_values_and_white_space_make_no_other_statement(one: str, other: str) -> None:
    assert fingerprint(one) == fingerprint(other)


@pytest.mark.parametrize(("one", "other"), APART)
def test_what_asks_for_something_else_is_another_statement(one: str, other: str) -> None:
    assert fingerprint(one) != fingerprint(other)


@pytest.mark.parametrize("text", BROKEN)
def test_whatever_a_server_calls_a_statement_has_a_fingerprint(text: str) -> None:
    assert len(fingerprint(text)) == 16
    assert "\n" not in normalised(text)


def test_counts_add_up() -> None:
    one, two = Counts(1, 2, 3, 4, 5, 6.0), Counts(10, 20, 30, 40, 50, 60.0)
    assert one + two - one == two
    assert two.per(10) == one
    assert two.blocks == 70
    assert one
    assert not Counts()
