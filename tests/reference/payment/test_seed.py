"""The generated data: consistent in itself, skewed as in life."""

import psycopg
import pytest

from reference_app.seeds import payment as seed
from tests.reference.running import Postgres


def test_scale_one_is_as_large_as_promised() -> None:
    rows = {table.name: len(table.columns["id"]) for table in seed.generate(1)}
    assert 275_000 <= rows.pop("invoices") <= 285_000
    assert rows == {"plans": 12, "subscriptions": 55_000, "payments": 300_000}


@pytest.mark.parametrize(
    "wrong",
    [
        "payments JOIN subscriptions s ON s.id = subscription_id WHERE payments.user_id <> s.user_id",
        """payments JOIN subscriptions s ON s.id = subscription_id
        WHERE created_at < started_at OR created_at > renews_at""",
        """payments JOIN subscriptions s ON s.id = subscription_id JOIN plans ON plans.id = plan_id
        WHERE amount_cents <> price_cents""",
        """invoices i JOIN payments p ON p.id = payment_id
        WHERE i.amount_cents <> p.amount_cents OR i.user_id <> p.user_id""",
        "invoices i JOIN payments p ON p.id = payment_id WHERE i.paid_at IS DISTINCT FROM p.settled_at",
        "invoices WHERE due_at <> created_at + interval '14 days'",
        """payments LEFT JOIN invoices ON payment_id = payments.id
        WHERE (invoices.id IS NULL) <> (payments.status = 'failed')""",
        "payments WHERE created_at > '2026-01-01' OR settled_at > '2026-01-01'",
        "payments a JOIN payments b ON a.id + 1 = b.id WHERE a.created_at > b.created_at",
        """subscriptions a JOIN subscriptions b ON a.user_id = b.user_id AND a.id < b.id
        WHERE b.started_at < a.renews_at OR a.status = 'active'""",
        """(SELECT FROM subscriptions s JOIN plans ON plans.id = plan_id JOIN payments p ON p.subscription_id = s.id
        WHERE p.status <> 'failed' GROUP BY s.id, plans.id
        HAVING renews_at <> max(p.created_at) + make_interval(days => period_days)) unpaid""",
        "(SELECT FROM payments GROUP BY idempotency_key HAVING count(*) > 1) twice",
    ],
)
def test_nothing_contradicts_itself(postgres: Postgres, seeded: str, wrong: str) -> None:
    with psycopg.connect(postgres.url(seeded)) as connection:
        assert connection.execute(f"SELECT count(*) FROM {wrong}").fetchone() == (0,)


def test_few_plans_have_most_subscribers_and_few_users_most_payments(postgres: Postgres, seeded: str) -> None:
    with psycopg.connect(postgres.url(seeded)) as connection:
        plans, users = (
            [row[0] for row in connection.execute(f"SELECT count(*) FROM {table} GROUP BY {by} ORDER BY 1 DESC")]
            for table, by in (("subscriptions", "plan_id"), ("payments", "user_id"))
        )
    assert sum(plans[:3]) > 0.5 * sum(plans)
    assert sum(users[:40]) > 0.25 * sum(users)  # a tenth of them
