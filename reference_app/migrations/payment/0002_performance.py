# ruff: noqa: N999 - named the way Alembic names revisions
"""The indexes for the queries of the payment service, built online. Three of them are unique."""

from reference_app.migrations import indexes
from reference_app.migrations.indexes import Index

revision = "0002"
down_revision = "0001"

INDEXES = (
    Index(
        "payments_of_user",
        on="payments (user_id, created_at DESC, id DESC)",
        needed_by="PAYMENTS: those of a user, newest first; few enough to look for a status among them",
    ),
    Index(
        "payments_by_status",
        on="payments (status, created_at DESC, id DESC)",
        needed_by="PAYMENTS: those in one status, newest first; LATEST_INVOICES finds who paid last, every hour",
    ),
    Index(
        "payments_by_creation",
        on="payments (created_at DESC, id DESC)",
        needed_by="PAYMENTS: all, newest first; OVERDUE and EXPIRE read the newest moment",
    ),
    Index(
        "payments_by_key",
        on="payments (idempotency_key)",
        needed_by="PAY: a key pays once",
        unique=True,
    ),
    Index(
        "payments_settled_of_subscription",
        on="payments (subscription_id) INCLUDE (amount_cents) WHERE status = 'settled'",
        needed_by="ACTIVE_SUBSCRIPTION: what was paid, from the index alone",
    ),
    Index(
        "invoices_of_user",
        on="invoices (user_id, created_at DESC, id DESC)",
        needed_by="LATEST_INVOICE and LATEST_INVOICES",
    ),
    Index(
        "invoices_of_payment",
        on="invoices (payment_id)",
        needed_by="PAYMENTS: the one invoice of each",
        unique=True,
    ),
    Index(
        "invoices_unpaid",
        on="invoices (due_at, id) WHERE paid_at IS NULL",
        needed_by="OVERDUE: oldest first",
    ),
    Index(
        "subscriptions_active_of_user",
        on="subscriptions (user_id) WHERE status = 'active'",
        needed_by="ACTIVE_SUBSCRIPTION and PAY: a user has one at most",
        unique=True,
    ),
    Index(
        "subscriptions_active_of_plan",
        on="subscriptions (plan_id) WHERE status = 'active'",
        needed_by="PLANS: how many are subscribed to each",
    ),
    Index(
        "subscriptions_active_by_renewal",
        on="subscriptions (renews_at, id) WHERE status = 'active'",
        needed_by="DUE: soonest first; EXPIRE, every night",
    ),
)


def upgrade() -> None:
    """Build the indexes."""
    indexes.create(INDEXES)


def downgrade() -> None:
    """Remove the indexes."""
    indexes.drop(INDEXES)
