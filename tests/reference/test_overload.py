"""Slow statements are logged with their route; beyond a timeout they are cancelled."""

import asyncio
import logging
import re
from types import SimpleNamespace

import psycopg
import pytest

from reference_app.database import ConnectionPerRequest
from reference_app.exchange import Exchange, current_exchange
from reference_app.metrics import Metrics
from tests.reference.running import Client, Postgres


def test_a_slow_statement_is_logged_with_its_route(postgres: Postgres, caplog: pytest.LogCaptureFixture) -> None:
    async def request() -> None:
        current_exchange.set(Exchange({"route": SimpleNamespace(path="/slow/{thing}")}))
        async with ConnectionPerRequest(postgres.url("postgres"), Metrics()).connection() as connection:
            await connection.execute("SELECT 1")
            await connection.execute("SELECT  pg_sleep(0.11)")

    with caplog.at_level(logging.WARNING):
        asyncio.run(request())
    message = caplog.messages[-1]  # on a busy machine the first statement may be slow, too
    found = re.fullmatch(r"slow statement: (\d+) ms, /slow/\{thing\}: SELECT pg_sleep\(0\.11\)", message)
    assert found, message
    assert int(found[1]) >= 110


def test_a_statement_that_waits_too_long_is_given_up_on(optimized: Client, postgres: Postgres) -> None:
    view = {"user_id": 1, "content_id": 1, "kind": "view"}
    with psycopg.connect(postgres.url(f"optimized_{__name__}")) as other:
        other.execute("LOCK TABLE contents")
        written, read = optimized.send("POST", "/interactions", view), optimized.get("/recommendations/1")
    assert written.status == 503
    assert written.body == {"error": {"code": "overloaded", "message": "the database did not answer in time"}}
    assert (read.status, read.fallback) == (200, "popular")
    assert (again := optimized.get("/recommendations/1")).status == 200
    assert again.fallback is None


def test_no_connection_is_an_answer_too(baseline: Client, postgres: Postgres) -> None:
    refused = f'ALTER DATABASE "baseline_{__name__}" ALLOW_CONNECTIONS '
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as other:
        other.execute(refused + "false")
        answer = baseline.get("/recommendations/1")
        other.execute(refused + "true")
    assert answer.status == 503
    assert answer.body == {"error": {"code": "overloaded", "message": "the database accepts no connection"}}
