"""Without its database payment has no fallback: a stale response would do harm, so it sends 503 with Retry-After."""

import psycopg

from tests.reference import running
from tests.reference.running import Postgres, RedisServer

READS = ["/payments/user/226", "/payments", "/invoices/1", "/invoices/overdue", "/subscriptions/due", "/plans"]


def test_without_the_database_there_is_an_error_and_no_fallback(
    postgres: Postgres, redis_server: RedisServer, indexed: str
) -> None:
    url = postgres.create("payment_away", indexed)
    refuse = "ALTER DATABASE payment_away ALLOW_CONNECTIONS "
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'payment_away'"
    payment = {"user_id": 226, "plan_id": 2, "idempotency_key": "away"}
    with (
        psycopg.connect(postgres.url("postgres"), autocommit=True) as other,
        running.service(
            "payment",
            "optimized",
            url,
            redis_server.url(3),
            REFERENCE_BREAKER_FAILURES="1",
            REFERENCE_BREAKER_SECONDS="30",
        ) as client,
    ):
        other.execute(refuse + "false")
        other.execute(end)
        assert client.http.get("/payments/user/323").status_code == 503  # opens the breaker
        answers = [client.http.get(path) for path in READS] + [client.http.post("/payments", json=payment)]
        assert {answer.status_code for answer in answers} == {503}
        assert all(0 < int(answer.headers["Retry-After"]) <= 30 for answer in answers)
        assert not any("X-Fallback" in answer.headers for answer in answers)
        assert client.get("/invoices/user/130/latest").cache == "hit"  # cached and still true
        other.execute(refuse + "true")
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT count(*) FROM payments WHERE idempotency_key = 'away'").fetchone()
    assert found == (0,)
