"""Each index is there because something scans it, and none says again what another says."""

from importlib import import_module

import psycopg

from tests.reference import running
from tests.reference.running import Postgres, RedisServer

INDEXES = import_module("reference_app.migrations.payment.0002_performance").INDEXES
REQUESTS = [
    "/payments?status=failed",
    "/payments",
    "/invoices/user/1/latest",
    "/invoices/1",
    "/invoices/overdue",
    "/subscriptions/due",
    "/plans",
]
FOUND = """
    SELECT indexrelid::regclass::text, indisvalid, obj_description(indexrelid) FROM pg_index
    WHERE indrelid::regclass::text IN ('plans', 'subscriptions', 'payments', 'invoices') AND NOT indisprimary
"""


def test_each_index_is_valid_and_says_who_needs_it(postgres: Postgres, indexed: str) -> None:
    with psycopg.connect(postgres.url(indexed)) as connection:
        found = connection.execute(FOUND).fetchall()
    assert sorted(found) == sorted((index.name, True, index.needed_by) for index in INDEXES)


def test_no_index_is_the_beginning_of_another(postgres: Postgres, indexed: str) -> None:
    statement = """
        SELECT indrelid, indkey::text || ' ', coalesce(pg_get_expr(indpred, indrelid), ''), indexrelid::regclass::text
        FROM pg_index WHERE indrelid >= 16384
    """
    with psycopg.connect(postgres.url(indexed)) as connection:
        rows = connection.execute(statement).fetchall()
    beginnings = [
        (a[3], b[3])
        for a in rows
        for b in rows
        if a is not b and a[0] == b[0] and b[1].startswith(a[1]) and b[2] in {a[2], ""}
    ]
    assert beginnings == []


def test_down_leaves_none_and_up_again_builds_them(postgres: Postgres, indexed: str) -> None:
    url = postgres.create("payment_down_and_up", indexed)
    for revision, count in (("0001", 0), ("head", len(INDEXES))):
        running.here("migrate", "payment", revision, DATABASE_URL=url)
        with psycopg.connect(url) as connection:
            assert len(connection.execute(FOUND).fetchall()) == count


def test_each_index_is_scanned_by_what_the_service_does(postgres: Postgres, redis_server: RedisServer) -> None:
    """At a twentieth of the size, with the planner as it is; scans are counted once the connections are closed."""
    url, redis = postgres.create("payment_scanned"), redis_server.url(3)
    for command in (
        ("migrate", "payment", "0001"),
        ("seed", "payment", "--scale", "0.05"),
        ("migrate", "payment", "head"),
    ):
        running.here(*command, DATABASE_URL=url)
    with psycopg.connect(url, autocommit=True) as connection:
        running.settle(connection)
        connection.execute("SELECT pg_stat_reset()")
        active = """
            SELECT user_id, plan_id FROM subscriptions JOIN payments USING (user_id)
            WHERE subscriptions.status = 'active' GROUP BY subscriptions.id ORDER BY count(*) DESC LIMIT 1
        """
        user, plan = connection.execute(active).fetchone() or (0, 0)
        with running.service("payment", "optimized", url, redis) as client:
            statuses = {client.get(path).status for path in REQUESTS}
            body = {"user_id": user, "plan_id": plan, "idempotency_key": "scanned"}
            of_user = (f"/payments/user/{user}", f"/subscriptions/user/{user}/active")
            statuses |= {client.send("POST", "/payments", body).status, *(client.get(path).status for path in of_user)}
        assert statuses == {200, 201}
        running.settle(connection)
        scanned = connection.execute("SELECT indexrelname FROM pg_stat_user_indexes WHERE idx_scan > 0")
        assert {index.name for index in INDEXES} - {name for (name,) in scanned} == set()
