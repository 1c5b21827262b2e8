"""What goes in and out of the payment service, in the form that both implementations share. Money is in cents.

The answer to a payment is its receipt: of the payment only what no later event changes, so that the same request again
gets the same answer. Its status is left out, a refund changes it.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StrictStr

from reference_app.answers import encode
from reference_app.database import Row
from reference_app.errors import ConflictError
from reference_app.fields import Id, Input

# What is shown of each; what else a row holds stays inside.
PLAN = ("id", "name", "price_cents", "period_days", "active_subscribers")
SUBSCRIPTION = ("id", "user_id", "plan_id", "status", "started_at", "renews_at")
ACTIVE = (*SUBSCRIPTION, "plan_name", "price_cents", "period_days", "paid_cents")
PAYMENT = ("id", "user_id", "subscription_id", "amount_cents", "status", "created_at", "settled_at")
LISTED = (*PAYMENT, "invoice_number", "plan_name")
INVOICE = ("id", "user_id", "payment_id", "number", "amount_cents", "created_at", "due_at", "paid_at")
FULL_INVOICE = (*INVOICE, "payment_status", "subscription_id")
RECEIPT = (*(name for name in PAYMENT if name != "status"), "idempotency_key", "invoice_id", "invoice_number")


class Status(StrEnum):
    """How far a payment has come."""

    PENDING = "pending"
    SETTLED = "settled"
    FAILED = "failed"
    REFUNDED = "refunded"


class NewSubscription(Input):
    """A user subscribes to a plan."""

    user_id: Id
    plan_id: Id


class NewPayment(NewSubscription):
    """A user pays for the next period of a subscription; the key names this one payment, however often it is sent."""

    idempotency_key: Annotated[StrictStr, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]

    def require_same(self, paid: Row) -> None:
        """Refuse unless the payment that has this key already is this very one, and went well."""
        if (paid["user_id"], paid["plan_id"]) != (self.user_id, self.plan_id):
            raise ConflictError("idempotency_key: was used for another payment")
        if paid["settled_at"] is None:
            raise ConflictError(f"idempotency_key: its payment is {paid['status']}; pay with a new key")


def answer(row: Row, names: Sequence[str]) -> bytes:
    """One thing, by what is shown of it."""
    return encode({name: row[name] for name in names})


def list_answer(items: Iterable[Row], names: Sequence[str]) -> bytes:
    """Things in a list."""
    return encode({"items": [{name: item[name] for name in names} for item in items]})
