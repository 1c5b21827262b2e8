"""The optimized queries of the payment service: one statement per response. Other methods are inherited."""

from collections.abc import Sequence

from reference_app.database import Row, one
from reference_app.services.payment import statements
from reference_app.services.payment.baseline import BaselineQueries, first
from reference_app.services.payment.entities import NewPayment, Status


class OptimizedQueries(BaselineQueries):
    """One statement for a list with all its rows; for a payment a unique index instead of a lock."""

    async def payments(self, user_id: int | None, status: Status | None, limit: int) -> Sequence[Row]:
        """The baseline's result by one statement."""
        statement = statements.PAYMENTS[user_id is not None, status is not None]
        return await self.rows(statement, {"user_id": user_id, "status": status, "limit": limit})

    async def latest_invoice(self, user_id: int) -> Row:
        """The baseline's result by one statement."""
        async with self.database.connection() as connection:
            return await one(connection, statements.LATEST_INVOICE, {"user_id": user_id}, "invoice of user")

    async def invoice(self, invoice_id: int) -> Row:
        """The baseline's result by one statement."""
        async with self.database.connection() as connection:
            return await one(connection, statements.INVOICE_BY_ID, {"invoice_id": invoice_id}, "invoice")

    async def active_subscription(self, user_id: int) -> Row:
        """The baseline's result by one statement."""
        async with self.database.connection() as connection:
            kind = "active subscription of user"
            return await one(connection, statements.ACTIVE_SUBSCRIPTION, {"user_id": user_id}, kind)

    async def plans(self) -> Sequence[Row]:
        """The baseline's result by one statement."""
        return await self.rows(statements.PLANS)

    async def pay(self, new: NewPayment) -> Row:
        """One statement; where it inserts nothing, the baseline finds the reason."""
        async with self.database.connection() as connection:
            paid = await first(connection, statements.PAY, new.model_dump())
        return paid or await super().pay(new)
