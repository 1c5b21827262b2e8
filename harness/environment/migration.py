"""Migrating: the role of a migration under load, by which its sessions and statements are identified.

The role is a member of the services' role and acts as it from the first statement on, so that the services own what it
creates. Only its statements are written to the server's log, each with its time.
"""

from psycopg import sql

from harness.environment.servers import SERVICE_ROLE, Postgres

MIGRATION_ROLE = "harness_migration"
_THERE = "SELECT 1 FROM pg_roles WHERE rolname = 'harness_migration'"
_SETTINGS = {
    "role": SERVICE_ROLE,
    "log_min_duration_statement": "0",
    "log_parameter_max_length": "0",
    "log_error_verbosity": "verbose",
}


def migration_url(postgres: Postgres, database: str) -> str:
    """The address at which a migration reaches a database, as the role of its own, which is made where it is not."""
    role = sql.Identifier(MIGRATION_ROLE)
    if not postgres.fetch(_THERE):
        made = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} IN ROLE {}")
        postgres.execute(
            made.format(role, sql.Literal(postgres.password), sql.Identifier(SERVICE_ROLE)),
            *(
                sql.SQL("ALTER ROLE {} SET {} = {}").format(role, sql.Identifier(name), sql.Literal(value))
                for name, value in _SETTINGS.items()
            ),
        )
    return postgres.url(database, role=MIGRATION_ROLE)
