"""Alembic's environment for every chain: the caller's connection, one transaction per revision."""

from alembic import context
from alembic.runtime.migration import MigrationInfo

attributes = context.config.attributes


def _report(ctx: object, step: MigrationInfo, heads: object, run_args: object) -> None:  # noqa: ARG001 - Alembic's names
    arrow = "upgrade" if step.is_upgrade else "downgrade"
    source = ", ".join(step.source_revision_ids) or "base"
    destination = ", ".join(step.destination_revision_ids) or "base"
    attributes["report"](f"{arrow} {source} -> {destination}")


context.configure(
    connection=attributes["connection"],
    transaction_per_migration=True,
    on_version_apply=_report,
)
with context.begin_transaction():
    context.run_migrations()
