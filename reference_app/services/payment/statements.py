# ruff: noqa: S608 - the joined texts are constants of this package
"""The SQL of the optimized release. Each index of revision 0002 names the statement that needs it."""

from itertools import product

CHOSEN = {
    (of_user, in_status): f"""
        SELECT * FROM payments
        WHERE {"user_id = %(user_id)s" if of_user else "true"} AND {"status = %(status)s" if in_status else "true"}
        ORDER BY created_at DESC, id DESC LIMIT %(limit)s
    """
    for of_user, in_status in product((True, False), repeat=2)
}
"""Payments, by whether a user and a status are given."""

# LIMIT first, then the joins: the cost follows the length of the list.
PAYMENTS = {
    given: f"""
        SELECT listed.*, invoices.number AS invoice_number, plans.name AS plan_name
        FROM ({chosen}) listed
        LEFT JOIN invoices ON invoices.payment_id = listed.id
        JOIN subscriptions ON subscriptions.id = listed.subscription_id
        JOIN plans ON plans.id = subscriptions.plan_id
        ORDER BY listed.created_at DESC, listed.id DESC
    """
    for given, chosen in CHOSEN.items()
}

# From the last thousand payments: enough for a warm-up.
_WHO_PAID_LAST = """= ANY (ARRAY(
    SELECT user_id
    FROM (SELECT * FROM payments WHERE status = 'settled' ORDER BY created_at DESC, id DESC LIMIT 1000) latest
    GROUP BY user_id ORDER BY max(created_at) DESC, user_id LIMIT %(users)s
))"""

_INVOICES = """
    invoices.*, payments.status AS payment_status, payments.subscription_id
    FROM invoices JOIN payments ON payments.id = invoices.payment_id WHERE
"""
_LATEST = "ORDER BY invoices.user_id, invoices.created_at DESC, invoices.id DESC"
INVOICE_BY_ID = f"SELECT {_INVOICES} invoices.id = %(invoice_id)s"
LATEST_INVOICE = f"SELECT {_INVOICES} invoices.user_id = %(user_id)s {_LATEST} LIMIT 1"
LATEST_INVOICES = f"SELECT DISTINCT ON (invoices.user_id) {_INVOICES} invoices.user_id {_WHO_PAID_LAST} {_LATEST}"
_NEWEST = "(SELECT max(created_at) FROM payments)"
OVERDUE = f"""
    SELECT * FROM invoices WHERE paid_at IS NULL AND due_at < {_NEWEST} ORDER BY due_at, id LIMIT %(limit)s
"""

_ACTIVE = """
    SELECT subscriptions.*, plans.name AS plan_name, plans.price_cents, plans.period_days,
        coalesce(sum(payments.amount_cents), 0)::bigint AS paid_cents
    FROM subscriptions JOIN plans ON plans.id = subscriptions.plan_id
    LEFT JOIN payments ON payments.subscription_id = subscriptions.id AND payments.status = 'settled'
    WHERE subscriptions.status = 'active' AND subscriptions.user_id {} GROUP BY subscriptions.id, plans.id
"""
ACTIVE_SUBSCRIPTION, ACTIVE_SUBSCRIPTIONS = map(_ACTIVE.format, ("= %(user_id)s", _WHO_PAID_LAST))
DUE = "SELECT * FROM subscriptions WHERE status = 'active' ORDER BY renews_at, id LIMIT %(limit)s"
PLANS = """
    SELECT plans.*,
        (SELECT count(*) FROM subscriptions WHERE plan_id = plans.id AND status = 'active') AS active_subscribers
    FROM plans WHERE is_offered ORDER BY id
"""

# Subtle: concurrent requests wait for the row of the subscription or the index entry of the key, until one has paid.
# The others insert nothing, and so write no invoice and renew nothing. NOT EXISTS avoids consuming an id for a known
# repetition. Without the unique index this is an error, never a second payment.
PAY = """
    WITH paying AS (
        SELECT subscriptions.id, price_cents, period_days
        FROM subscriptions JOIN plans ON plans.id = plan_id
        WHERE user_id = %(user_id)s AND plan_id = %(plan_id)s AND status = 'active'
        AND NOT EXISTS (SELECT FROM payments WHERE idempotency_key = %(idempotency_key)s)
        FOR NO KEY UPDATE OF subscriptions
    ), payment AS (
        INSERT INTO payments (user_id, subscription_id, amount_cents, status, idempotency_key, settled_at)
        SELECT %(user_id)s, id, price_cents, 'settled', %(idempotency_key)s, now() FROM paying
        ON CONFLICT (idempotency_key) DO NOTHING RETURNING *
    ), invoice AS (
        INSERT INTO invoices (payment_id, user_id, number, amount_cents, paid_at)
        SELECT id, user_id, 'INV-' || lpad(id::text, 10, '0'), amount_cents, settled_at FROM payment RETURNING *
    ), renewed AS (
        UPDATE subscriptions SET renews_at = renews_at + make_interval(days => period_days)
        FROM paying, payment WHERE subscriptions.id = payment.subscription_id
    )
    SELECT payment.*, invoice.id AS invoice_id, invoice.number AS invoice_number FROM payment, invoice
"""
# Concurrent calls lock in the same order. The first comparison follows from the second; an index supports it.
EXPIRE = f"""
    UPDATE subscriptions SET status = 'expired'
    WHERE id = ANY (ARRAY(
        SELECT subscriptions.id FROM subscriptions JOIN plans ON plans.id = plan_id
        WHERE status = 'active' AND renews_at < {_NEWEST} AND renews_at + make_interval(days => period_days) < {_NEWEST}
        ORDER BY renews_at, subscriptions.id LIMIT %(limit)s FOR NO KEY UPDATE OF subscriptions
    ))
    RETURNING user_id
"""
