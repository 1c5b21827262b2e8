# ruff: noqa: D301 - the character \b, not the escape, tells click to keep lines as they are
"""The command line of the reference implementation, on the servers at DATABASE_URL and REDIS_URL."""

import asyncio
import gc
import sys
from typing import Literal

import click

from reference_app import server, services
from reference_app.errors import SetupError
from reference_app.settings import Settings, database_url

SERVICE = click.argument("service", type=click.Choice(services.NAMES))


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """HTTP services over PostgreSQL and Redis, for measuring a migration.

    \b
    Example:
      export DATABASE_URL=postgresql://postgres@127.0.0.1:5432/recommendation
      export REDIS_URL=redis://127.0.0.1:6379/0
      python -m reference_app migrate recommendation 0001
      python -m reference_app seed recommendation --scale 1
      REFERENCE_RELEASE=baseline python -m reference_app serve recommendation --port 8001
    """


@main.command()
@SERVICE
@click.argument("revision")
def migrate(service: str, revision: str) -> None:
    """Migrate the database to REVISION, up or down: base, 0001, ..., head.

    \b
    Examples:
      python -m reference_app migrate recommendation head
      python -m reference_app migrate recommendation 0001
    """
    from reference_app.migrations import migrate as move  # noqa: PLC0415 - serve does not need Alembic

    move(database_url(), service, revision, click.echo)


@main.command()
@SERVICE
@click.option("--scale", type=click.FloatRange(min=0, min_open=True), default=1.0, show_default=True)
def seed(service: str, scale: float) -> None:
    """Fill the empty tables with seeded data, the same for the same scale.

    \b
    Example:
      python -m reference_app seed recommendation --scale 0.01
    """
    from reference_app import seeding, seeds  # noqa: PLC0415 - serve does not need numpy

    with server.connect(database_url()) as connection:
        for table, rows in seeding.fill(connection, seeds.generate(service, scale)).items():
            click.echo(f"{table}: {rows:,} rows")


@main.command()
@SERVICE
@click.argument("revision")
@click.option("--scale", type=click.FloatRange(min=0, min_open=True), default=1.0, show_default=True)
def prepare(service: str, revision: str, scale: float) -> None:
    """Migrate the database to REVISION and seed it if it is empty, before a container starts its service.

    \b
    Example:
      python -m reference_app prepare recommendation head --scale 0.1
    """
    from reference_app import seeding, seeds  # noqa: PLC0415 - serve does not need numpy
    from reference_app.migrations import migrate as move  # noqa: PLC0415 - serve does not need Alembic

    move(database_url(), service, revision, click.echo)
    with server.connect(database_url()) as connection:
        if seeding.empty(connection):
            seeding.fill(connection, seeds.generate(service, scale))


@main.command()
@SERVICE
@click.option("--port", type=click.IntRange(1, 65535), required=True)
@click.option("--host", default="127.0.0.1", show_default=True)
def serve(service: str, port: int, host: str) -> None:
    """Serve requests until SIGTERM or SIGINT. REFERENCE_RELEASE sets the release.

    \b
    baseline, optimized, or a comma-separated list of steps: queries,cache,pool,breaker.
    REFERENCE_BREAKER_FAILURES (5), _SECONDS (60) and _SUCCESSES (2) set the circuit breakers.

    \b
    Example:
      REFERENCE_RELEASE=optimized python -m reference_app serve recommendation --port 8001
      REFERENCE_RELEASE=queries,cache python -m reference_app serve recommendation --port 8001
    """
    from reference_app.application import application  # noqa: PLC0415 - the other commands need no server

    settings = Settings.from_environment()
    server.check_database(settings.database_url)
    with server.listen(host, port) as listener:
        app = application(service, settings)
        gc.freeze()
        server.serve(app, listener)


@main.command()
@SERVICE
def refresh(service: str) -> None:
    """Fill the cache of a running service with its most requested entries, as the hourly job does.

    \b
    Example:
      python -m reference_app refresh recommendation
    """
    _upkeep(service, "refresh")


@main.command()
@SERVICE
def rebuild(service: str) -> None:
    """Run the nightly job of a running service now.

    \b
    Example:
      python -m reference_app rebuild recommendation
    """
    _upkeep(service, "rebuild")


def _upkeep(service: str, work: Literal["refresh", "rebuild"]) -> None:
    from reference_app.upkeep import once  # noqa: PLC0415 - the other commands need no Redis client

    settings = Settings.from_environment()
    server.check_database(settings.database_url)
    if not asyncio.run(once(services.find(service), settings, work)):
        raise SetupError(f"{work} of {service} could not be done; is Redis running at REDIS_URL?")
    click.echo(f"{service}: {work} done")


if __name__ == "__main__":
    try:
        main()
    except SetupError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
