"""Inputs and outputs of the payment service, shared by both implementations. Money is in cents.

The response to a payment is its receipt: only fields that no later event changes, so that a repeated request gets
the same response. It omits the status, which a refund changes.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StrictStr

from reference_app.answers import encode
from reference_app.database import Row
from reference_app.errors import ConflictError
from reference_app.fields import Id, Input

# The public fields of each; other columns are not exposed.
PLAN = ("id", "name", "price_cents", "period_days", "active_subscribers")
SUBSCRIPTION = ("id", "user_id", "plan_id", "status", "started_at", "renews_at")
ACTIVE = (*SUBSCRIPTION, "plan_name", "price_cents", "period_days", "paid_cents")
PAYMENT = ("id", "user_id", "subscription_id", "amount_cents", "status", "created_at", "settled_at")
LISTED = (*PAYMENT, "invoice_number", "plan_name")
INVOICE = ("id", "user_id", "payment_id", "number", "amount_cents", "created_at", "due_at", "paid_at")
FULL_INVOICE = (*INVOICE, "payment_status", "subscription_id")
RECEIPT = (*(name for name in PAYMENT if name != "status"), "idempotency_key", "invoice_id", "invoice_number")


class Status(StrEnum):
    """The status of a payment."""

    PENDING = "pending"
    SETTLED = "settled"
    FAILED = "failed"
    REFUNDED = "refunded"


class NewSubscription(Input):
    """A subscription of a user to a plan."""

    user_id: Id
    plan_id: Id


class NewPayment(NewSubscription):
    """A payment for the next period of a subscription; the idempotency key identifies repetitions."""

    idempotency_key: Annotated[StrictStr, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]

    def require_same(self, paid: Row) -> None:
        """Raise ConflictError unless the payment with this key is the same one and succeeded."""
        if (paid["user_id"], paid["plan_id"]) != (self.user_id, self.plan_id):
            raise ConflictError("idempotency_key: was used for another payment")
        if paid["settled_at"] is None:
            raise ConflictError(f"idempotency_key: its payment is {paid['status']}; pay with a new key")


def answer(row: Row, names: Sequence[str]) -> bytes:
    """One entity, reduced to its public fields."""
    return encode({name: row[name] for name in names})


def list_answer(items: Iterable[Row], names: Sequence[str]) -> bytes:
    """A list of entities."""
    return encode({"items": [{name: item[name] for name in names} for item in items]})
