"""The database role of a migration under load, which identifies its sessions and statements.

The role is a member of the services' role and acts as it, so that the services own what it creates. Only its
statements are written to the server's log, each with its duration.
"""

from psycopg import sql

from harness.environment.servers import SERVICE_ROLE, Postgres

MIGRATION_ROLE = "harness_migration"
_EXISTS = "SELECT 1 FROM pg_roles WHERE rolname = 'harness_migration'"
_SETTINGS = {
    "role": SERVICE_ROLE,
    "log_min_duration_statement": "0",
    "log_parameter_max_length": "0",
    "log_error_verbosity": "verbose",
}


def migration_url(postgres: Postgres, database: str) -> str:
    """The database URL of a migration, with its own role; creates the role if needed."""
    role = sql.Identifier(MIGRATION_ROLE)
    if not postgres.fetch(_EXISTS):
        create = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} IN ROLE {}")
        postgres.execute(
            create.format(role, sql.Literal(postgres.password), sql.Identifier(SERVICE_ROLE)),
            *(
                sql.SQL("ALTER ROLE {} SET {} = {}").format(role, sql.Identifier(name), sql.Literal(value))
                for name, value in _SETTINGS.items()
            ),
        )
    return postgres.url(database, role=MIGRATION_ROLE)
