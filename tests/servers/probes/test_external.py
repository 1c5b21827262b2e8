"""Probes read the database and cache of an external system at the addresses of the measured arm."""

from pathlib import Path

import pytest

from harness.environment.servers import postgres_programs
from harness.probes.postgres_server import _with_settings
from harness.probes.registry import probes_of
from harness.record.statements import fingerprint
from tests.servers.environment.test_external import AFTER, BEFORE, made, serving
from tests.servers.probes.postgres_server import running

SETTINGS = ("application_name", "statement_timeout", "jit")
SECRET = "s3cret-word"


def test_each_arm_is_asked_at_its_own_address_and_no_secret_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CACHE_URL", f"redis://:{SECRET}@127.0.0.1:9/3")
    with serving() as service, running(postgres_programs()) as server:
        server.renew()
        server.execute("CREATE EXTENSION pg_stat_statements", database="leg")
        dsn = f"host={server.sockets} port={server.port} user=postgres password={SECRET} dbname=leg"
        monkeypatch.setenv("DSN", dsn)
        environment = 'postgres = "${DSN}"\nredis = "${CACHE_URL}"'
        with made(tmp_path, service.url, f"{service.url}/b", environment, 'redis = "redis://127.0.0.1:9/4"') as system:
            assert (system.databases(), system.caches()) == ([], [])
            system.prepare()
            system.start(AFTER)
            (cache,) = system.caches()
            assert cache.connect().get_connection_kwargs()["db"] == 4
            system.start(BEFORE)
            (database,) = system.databases()
            (cache,) = system.caches()
            assert cache.connect().get_connection_kwargs()["db"] == 3
            assert (database.service, database.name) == (None, "leg")
            with _with_settings(database.connect()) as connection:  # behind a pooler a setting would be everybody's
                told = [connection.execute(f"SHOW {name}".encode()).fetchall() for name in SETTINGS]
            assert told == [[("harness",)], [("0",)], [("on",)]]
            of_database, of_cache = probes_of(system.monitored())
            with of_database, of_cache, server.connect("leg", "service") as connection:
                connection.execute("SELECT kind FROM items WHERE id = 1").fetchall()
            assert of_database.executions is not None
            assert set(of_database.executions.texts) == {fingerprint("SELECT kind FROM items WHERE id = 1")}
            assert SECRET not in f"{of_database.unread} {of_cache.unread} {database} {cache}"
