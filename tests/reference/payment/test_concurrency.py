"""Fifty at a time: paid once, refunded once, subscribed once, nothing lost, no deadlock, nothing stale."""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import psycopg
import pytest

from tests.reference import running
from tests.reference.running import Answer, Client, Postgres, RedisServer
from tests.reference.throng import MANY, at_once, reading

PERIOD = timedelta(days=7)  # of plan 2, that of user 226


@pytest.fixture
def database(request: pytest.FixtureRequest, either: Client, postgres: Postgres) -> Iterator[psycopg.Connection]:
    """That of the release in turn."""
    assert either.process.poll() is None
    release = request.node.callspec.params["either"]
    with psycopg.connect(postgres.url(f"{release}_{__name__}"), autocommit=True) as connection:
        yield connection


def payment(key: str, user: int = 226, plan: int = 2) -> dict[str, object]:
    return {"user_id": user, "plan_id": plan, "idempotency_key": key}


def renewal(client: Client, user: int = 226) -> datetime:
    body = client.get(f"/subscriptions/user/{user}/active").body
    assert isinstance(body, dict)
    return datetime.fromisoformat(body["renews_at"])


def counted(database: psycopg.Connection, key: str) -> tuple[object, ...] | None:
    return database.execute(
        """
        SELECT count(DISTINCT payments.id), count(invoices.id) FROM payments
        LEFT JOIN invoices ON payment_id = payments.id WHERE idempotency_key LIKE %s
        """,
        (key,),
    ).fetchone()


def test_the_same_payment_sent_fifty_times_is_made_once(either: Client, database: psycopg.Connection) -> None:
    before = renewal(either)
    answers = at_once(lambda _: either.insist("POST", "/payments", payment("same")))
    assert {answer.status for answer in answers} == {201}
    assert all(answer.body == answers[0].body for answer in answers)
    assert counted(database, "same") == (1, 1)
    assert renewal(either) == before + PERIOD
    body = answers[0].body
    assert isinstance(body, dict)
    assert either.send("POST", f"/payments/{body['id']}/refund").status == 200
    either.send("DELETE", "/subscriptions/user/226/active")
    assert either.send("POST", "/payments", payment("same")).body == body  # the receipt of then
    either.send("POST", "/subscriptions", {"user_id": 226, "plan_id": 2})


def test_fifty_payments_on_one_subscription_are_all_made(either: Client, database: psycopg.Connection) -> None:
    before = renewal(either)
    answers = at_once(lambda number: either.insist("POST", "/payments", payment(f"own-{number}")))
    assert {answer.status for answer in answers} == {201}
    assert counted(database, "own-%") == (MANY, MANY)
    assert renewal(either) == before + MANY * PERIOD


def test_a_key_pays_for_one_of_two(either: Client, database: psycopg.Connection) -> None:
    bodies = (payment("shared"), payment("shared", user=152))
    answers = at_once(lambda number: either.insist("POST", "/payments", bodies[number % 2]))
    assert Counter(answer.status for answer in answers) == {201: MANY // 2, 409: MANY // 2}
    assert counted(database, "shared") == (1, 1)


def test_one_of_fifty_refunds_succeeds(either: Client) -> None:
    answers = at_once(lambda _: either.insist("POST", "/payments/2946/refund"))
    assert Counter(answer.status for answer in answers) == {200: 1, 409: MANY - 1}


def test_of_fifty_subscriptions_one_is_active(either: Client, database: psycopg.Connection) -> None:
    answers = at_once(
        lambda number: either.insist("POST", "/subscriptions", {"user_id": 777, "plan_id": 1 + number % 10})
    )
    assert {answer.status for answer in answers} == {201}
    found = database.execute("SELECT status, count(*) FROM subscriptions WHERE user_id = 777 GROUP BY 1 ORDER BY 1")
    assert found.fetchall() == [("active", 1), ("cancelled", MANY - 1)]


def test_everything_at_once_leaves_nothing_half_done(either: Client, database: psycopg.Connection) -> None:
    """Few users and one plan, so that every write meets every other; and a night on top."""
    users = [901, 902, 903]
    for user in users:
        assert either.send("POST", "/subscriptions", {"user_id": user, "plan_id": 5}).status == 201
    (known,) = database.execute("SELECT max(id) FROM payments").fetchone() or (0,)

    def write(number: int) -> Answer:
        user = users[number % 3]
        match number % 5:
            case 0 | 1:
                return either.insist("POST", "/payments", payment(f"mixed-{number % 20}", user, 5))
            case 2:
                return either.insist("POST", "/subscriptions", {"user_id": user, "plan_id": 5})
            case 3:
                return either.insist("DELETE", f"/subscriptions/user/{user}/active")
            case _:
                return either.insist("POST", f"/payments/{known + 1 + number % 3}/refund")

    for _ in range(3):
        assert {answer.status for answer in at_once(write)} <= {200, 201, 404, 409}
    for wrong in (
        "(SELECT FROM subscriptions WHERE status = 'active' GROUP BY user_id HAVING count(*) > 1) two",
        "(SELECT FROM payments GROUP BY idempotency_key HAVING count(*) > 1) twice",
        "payments LEFT JOIN invoices ON payment_id = payments.id WHERE invoices.id IS NULL AND status <> 'failed'",
        "(SELECT FROM invoices GROUP BY payment_id HAVING count(*) > 1) two",
        """(SELECT FROM subscriptions s LEFT JOIN payments ON subscription_id = s.id WHERE s.user_id > 900
        GROUP BY s.id HAVING renews_at <> started_at + make_interval(days => 30 * count(payments.id)::integer)) lost""",
    ):
        assert database.execute(f"SELECT count(*) FROM {wrong}").fetchone() == (0,), wrong


def test_two_releases_side_by_side_pay_once(optimized: Client, postgres: Postgres, redis_server: RedisServer) -> None:
    """As while one replaces the other. Both have looked for the key in vain when the first of them may go on."""
    url = postgres.url(f"optimized_{__name__}")
    with (
        running.service("payment", "baseline", url, redis_server.url(3)) as baseline,
        psycopg.connect(url) as holding,
        psycopg.connect(url, autocommit=True) as database,
        ThreadPoolExecutor(2) as crowd,
    ):
        for clients in ((optimized, baseline), (baseline, optimized)):
            key, answers = f"first-{clients[0].process.pid}", []
            holding.execute("SELECT FROM subscriptions WHERE user_id = 226 AND status = 'active' FOR UPDATE")
            for client in clients:
                answers.append(crowd.submit(client.send, "POST", "/payments", payment(key)))
                wait_for_waiting(database, len(answers))
            holding.rollback()
            first, second = (answer.result() for answer in answers)
            assert (first.status, second.status) == (201, 201)
            assert first.body == second.body
            assert counted(database, key) == (1, 1)


def wait_for_waiting(database: psycopg.Connection, count: int) -> None:
    """Until so many wait for a lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    deadline = time.monotonic() + 5
    while database.execute(waiting).fetchone() != (count,):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_no_stale_answer_while_many_read_and_write(optimized: Client) -> None:
    """Readers keep filling the cache while a writer checks, after each acknowledged write, all that shows it."""
    listed = ["/payments/user/152?limit=3", "/payments?limit=3", "/payments?status=settled&limit=3"]
    paths = [*listed, "/invoices/user/152/latest", "/subscriptions/user/152/active", "/plans"]

    def read() -> None:
        for path in paths:
            optimized.get(path)

    with reading(read):
        for version in range(20):
            before = renewal(optimized, 152)
            paid = optimized.send("POST", "/payments", payment(f"fresh-{version}", user=152))
            assert isinstance(paid.body, dict)
            for path in [*listed, "/invoices/user/152/latest"]:
                assert paid.body["invoice_number"] in optimized.http.get(path).text, path
            assert renewal(optimized, 152) == before + PERIOD
            assert optimized.send("POST", f"/payments/{paid.body['id']}/refund").status == 200
            assert '"payment_status":"refunded"' in optimized.http.get("/invoices/user/152/latest").text
            assert paid.body["invoice_number"] not in optimized.http.get(listed[2]).text
