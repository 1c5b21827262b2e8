"""The baseline queries of the payment service: correct, readable, and slow under load.

Written in the style of an ORM: load the entities, then the rows of each; change an entity, save all of it.
Without unique indexes an advisory lock prevents concurrent requests from creating duplicates.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import LiteralString

from psycopg.errors import UniqueViolation

from reference_app.database import Connection, Database, Parameters, Row, one, rows, transaction
from reference_app.errors import ConflictError
from reference_app.services.payment import statements
from reference_app.services.payment.entities import NewPayment, NewSubscription, Status

_PLAN = "SELECT * FROM plans WHERE id = %s"
_SUBSCRIPTION = "SELECT * FROM subscriptions WHERE id = %s"
_ACTIVE = "SELECT * FROM subscriptions WHERE user_id = %s AND status = 'active'"
_CANCEL = "UPDATE subscriptions SET status = 'cancelled' WHERE user_id = %s AND status = 'active' RETURNING *"
_TO_RENEW = f"{_ACTIVE} AND plan_id = %s FOR NO KEY UPDATE"
_PAYMENT = "SELECT * FROM payments WHERE id = %s"
_PAYMENT_BY_KEY = "SELECT * FROM payments WHERE idempotency_key = %s"
_REFUND = "UPDATE payments SET status = 'refunded' WHERE id = %s RETURNING *"
_INVOICE = "SELECT * FROM invoices WHERE id = %s"
_LATEST_INVOICE = "SELECT * FROM invoices WHERE user_id = %s ORDER BY created_at DESC, id DESC LIMIT 1"
_INVOICE_OF = "SELECT * FROM invoices WHERE payment_id = %s"
_NEW_PAYMENT = """
    INSERT INTO payments (user_id, subscription_id, amount_cents, status, idempotency_key, settled_at)
    VALUES (%s, %s, %s, 'settled', %s, now()) RETURNING *
"""
_NEW_INVOICE = """
    INSERT INTO invoices (payment_id, user_id, number, amount_cents, paid_at)
    VALUES (%s, %s, %s, %s, now()) RETURNING *
"""
_LOCK_KEY = "SELECT pg_advisory_xact_lock(1, hashtext(%s))"
_LOCK_USER = "SELECT pg_advisory_xact_lock(2, hashint8(%s))"


class BaselineQueries:
    """One query for a list, and more for each row."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def payments(self, user_id: int | None, status: Status | None, limit: int) -> Sequence[Row]:
        """Payments, newest first, each with its invoice number, if any, and the name of its plan."""
        chosen = statements.CHOSEN[user_id is not None, status is not None]
        async with self.database.connection() as connection:
            listed = await rows(connection, chosen, {"user_id": user_id, "status": status, "limit": limit})
            return [await _with_names(connection, payment) for payment in listed]

    async def latest_invoice(self, user_id: int) -> Row:
        """The newest invoice of a user with the status of its payment."""
        return await self._invoice(_LATEST_INVOICE, user_id, "invoice of user")

    async def invoice(self, invoice_id: int) -> Row:
        """One invoice with the status of its payment."""
        return await self._invoice(_INVOICE, invoice_id, "invoice")

    async def overdue(self, limit: int) -> Sequence[Row]:
        """Unpaid invoices due before the newest payment, oldest first."""
        return await self.rows(statements.OVERDUE, {"limit": limit})

    async def active_subscription(self, user_id: int) -> Row:
        """The active subscription of a user with its plan and the sum of its payments."""
        paid_on_it = "SELECT * FROM payments WHERE subscription_id = %s"
        async with self.database.connection() as connection:
            subscription = await one(connection, _ACTIVE, (user_id,), "active subscription of user")
            plan = await one(connection, _PLAN, (subscription["plan_id"],), "plan")
            payments = await rows(connection, paid_on_it, (subscription["id"],))
            paid = sum(payment["amount_cents"] for payment in payments if payment["status"] == Status.SETTLED)
            return {**plan, **subscription, "plan_name": plan["name"], "paid_cents": paid}

    async def due(self, limit: int) -> Sequence[Row]:
        """Active subscriptions, ordered by their renewal."""
        return await self.rows(statements.DUE, {"limit": limit})

    async def plans(self) -> Sequence[Row]:
        """The available plans, each with its number of active subscribers."""
        counted = "SELECT count(*) AS active_subscribers FROM subscriptions WHERE plan_id = %s AND status = 'active'"
        async with self.database.connection() as connection:
            offered = await rows(connection, "SELECT * FROM plans WHERE is_offered ORDER BY id")
            return [{**plan, **await one(connection, counted, (plan["id"],), "plan")} for plan in offered]

    async def pay(self, new: NewPayment) -> Row:
        """Charge the price of the plan, write the invoice and renew; a repetition returns the first result."""
        try:
            async with transaction(self.database) as connection:
                await connection.execute(_LOCK_KEY, (new.idempotency_key,))
                return await _paid(connection, new) or await _charge(connection, new)
        except UniqueViolation:  # by the optimized release, which takes no lock
            return await self.pay(new)

    async def refund(self, payment_id: int) -> Row:
        """Refund a settled payment."""
        async with transaction(self.database) as connection:
            payment = await one(connection, f"{_PAYMENT} FOR NO KEY UPDATE", (payment_id,), "payment")
            if payment["status"] != Status.SETTLED:
                raise ConflictError(f"payment {payment_id} is {payment['status']}; only a settled one is refunded")
            return await one(connection, _REFUND, (payment_id,), "payment")

    async def subscribe(self, new: NewSubscription) -> Row:
        """Create a subscription that is due at once, and end the active one."""
        begin = "INSERT INTO subscriptions (user_id, plan_id) VALUES (%s, %s) RETURNING *"
        async with transaction(self.database) as connection:
            await connection.execute(_LOCK_USER, (new.user_id,))
            plan = await one(connection, _PLAN, (new.plan_id,), "plan")
            if not plan["is_offered"]:
                raise ConflictError(f"plan {new.plan_id} is not offered any more")
            await connection.execute(_CANCEL, (new.user_id,))
            return await one(connection, begin, (new.user_id, new.plan_id), "subscription")

    async def cancel(self, user_id: int) -> Row:
        """End the active subscription of a user."""
        async with transaction(self.database) as connection:
            await connection.execute(_LOCK_USER, (user_id,))
            return await one(connection, _CANCEL, (user_id,), "active subscription of user")

    # For hourly and nightly jobs, which the optimized release introduced.

    async def latest_invoices(self, users: int) -> Sequence[Row]:
        """The newest invoice of each user who paid recently."""
        return await self.rows(statements.LATEST_INVOICES, {"users": users})

    async def active_subscriptions(self, users: int) -> Sequence[Row]:
        """The active subscription of each user who paid recently."""
        return await self.rows(statements.ACTIVE_SUBSCRIPTIONS, {"users": users})

    async def expire(self, limit: int) -> Sequence[int]:
        """End active subscriptions unpaid for more than a period before the newest payment; returns their users."""
        return [row["user_id"] for row in await self.rows(statements.EXPIRE, {"limit": limit})]

    async def rows(self, statement: LiteralString, parameters: Parameters = ()) -> Sequence[Row]:
        """All rows of one statement."""
        async with self.database.connection() as connection:
            return await rows(connection, statement, parameters)

    async def _invoice(self, statement: LiteralString, identity: int, kind: str) -> Row:
        async with self.database.connection() as connection:
            invoice = await one(connection, statement, (identity,), kind)
            payment = await one(connection, _PAYMENT, (invoice["payment_id"],), "payment")
            return {**payment, **invoice, "payment_status": payment["status"]}


async def first(connection: Connection, statement: LiteralString, parameters: Parameters) -> Row | None:
    """The first row of a statement, if any."""
    return await (await connection.execute(statement, parameters)).fetchone()


async def _with_names(connection: Connection, payment: Row) -> Row:
    invoice = await first(connection, _INVOICE_OF, (payment["id"],))
    subscription = await one(connection, _SUBSCRIPTION, (payment["subscription_id"],), "subscription")
    plan = await one(connection, _PLAN, (subscription["plan_id"],), "plan")
    return {**payment, "invoice_number": invoice and invoice["number"], "plan_name": plan["name"]}


async def _paid(connection: Connection, new: NewPayment) -> Row | None:
    payment = await first(connection, _PAYMENT_BY_KEY, (new.idempotency_key,))
    if payment is None:
        return None
    subscription = await one(connection, _SUBSCRIPTION, (payment["subscription_id"],), "subscription")
    new.require_same({**subscription, **payment})
    invoice = await one(connection, _INVOICE_OF, (payment["id"],), "invoice of payment")
    return {**payment, "invoice_id": invoice["id"], "invoice_number": invoice["number"]}


async def _charge(connection: Connection, new: NewPayment) -> Row:
    plan = await one(connection, _PLAN, (new.plan_id,), "plan")
    subscription = await first(connection, _TO_RENEW, (new.user_id, new.plan_id))
    if subscription is None:
        raise ConflictError(f"user {new.user_id} has no active subscription to plan {new.plan_id}")
    values = (new.user_id, subscription["id"], plan["price_cents"], new.idempotency_key)
    payment = await one(connection, _NEW_PAYMENT, values, "payment")
    values = (payment["id"], new.user_id, f"INV-{payment['id']:010}", plan["price_cents"])
    invoice = await one(connection, _NEW_INVOICE, values, "invoice")
    renews_at = subscription["renews_at"] + timedelta(days=plan["period_days"])
    await connection.execute("UPDATE subscriptions SET renews_at = %s WHERE id = %s", (renews_at, subscription["id"]))
    return {**payment, "invoice_id": invoice["id"], "invoice_number": invoice["number"]}
