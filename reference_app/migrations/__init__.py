"""Migrations with Alembic: one chain of revisions per database, one env.py for all."""

from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import create_engine, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from reference_app.errors import SetupError

HERE = Path(__file__).parent
_BASE = "base"

Report = Callable[[str], None]


def migrate(url: str, service: str, revision: str, report: Report) -> None:
    """Migrate the database to ``revision``, up or down, and ``report`` each step."""
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.set_main_option("version_locations", str(HERE / service))
    config.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(config)
    target = _resolve(script, revision)
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            current = MigrationContext.configure(connection).get_current_revision()
            connection.rollback()
            config.attributes.update(connection=connection, report=report)
            _move(config, script, current, target)
    except OperationalError as error:
        reason = str(error.orig).strip().splitlines()[-1]
        raise SetupError(f"cannot reach the database, is PostgreSQL running at DATABASE_URL? {reason}") from None
    finally:
        engine.dispose()


def _resolve(script: ScriptDirectory, revision: str) -> str:
    if revision == _BASE:
        return _BASE
    try:
        found = script.get_revision(revision)
    except CommandError:
        found = None
    if found is None:
        known = ", ".join([_BASE, *(known.revision for known in reversed(list(script.walk_revisions()))), "head"])
        raise SetupError(f"there is no revision {revision!r}; there is {known}")
    return found.revision


def _move(config: Config, script: ScriptDirectory, current: str | None, target: str) -> None:
    below = {known.revision for known in script.walk_revisions(_BASE, current)} if current else set()
    if target == _BASE or (target in below and target != current):
        command.downgrade(config, target)
    else:
        command.upgrade(config, target)
