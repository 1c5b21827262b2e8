"""Bring the index of the customers in or out (``with``, ``without``), or fill the orders (``seed``)."""

import os
import sys

import psycopg

CUSTOMERS, EACH = 200, 1000
# A scan by several processes would leave no core to the generator, and make a run without the index INVALID.
TABLE = """
CREATE TABLE IF NOT EXISTS orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer integer NOT NULL,
    item text NOT NULL,
    pieces integer NOT NULL,
    price_cents integer NOT NULL,
    ordered_at timestamptz NOT NULL
) WITH (parallel_workers = 0);
"""
SEED = f"""
INSERT INTO orders (customer, item, pieces, price_cents, ordered_at)
SELECT
    n % {CUSTOMERS}, 'item ' || n % 977, 1 + n % 7, 100 + n % 9001,
    timestamptz '2026-01-01' + n * interval '1 minute'
FROM generate_series(1, {CUSTOMERS * EACH}) AS n;
"""
STEPS = {
    "seed": SEED,
    "with": TABLE + "CREATE INDEX IF NOT EXISTS orders_of_customer ON orders (customer, ordered_at DESC)",
    "without": TABLE + "DROP INDEX IF EXISTS orders_of_customer",
}

with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
    connection.execute(STEPS[sys.argv[1]].encode())
    connection.execute("ANALYZE")
