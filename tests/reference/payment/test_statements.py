"""How many statements an answer costs, where it came from, and what a write takes from the cache."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.reference import running
from tests.reference.costs import costs_one_statement_and_none_cached
from tests.reference.running import Answer, Client, Postgres, RedisServer

READ = {
    "payments of 226": "/payments/user/226?limit=5",
    "payments of 323": "/payments/user/323?limit=5",
    "latest of 226": "/invoices/user/226/latest",
    "latest of 323": "/invoices/user/323/latest",
    "an invoice of 226": "/invoices/2700",
    "active of 226": "/subscriptions/user/226/active",
    "active of 323": "/subscriptions/user/323/active",
    "all": "/payments?limit=5",
    "settled": "/payments?status=settled&limit=5",
    "refunded": "/payments?status=refunded&limit=5",
    "failed": "/payments?status=failed&limit=5",
    "overdue": "/invoices/overdue?limit=5",
    "every overdue": "/invoices/overdue?limit=100",
    "due": "/subscriptions/due?limit=5",
    "plans": "/plans",
}
LATE = """
    SELECT array_agg(user_id) FROM subscriptions JOIN plans ON plans.id = plan_id
    WHERE status = 'active' AND renews_at + make_interval(days => period_days) < (SELECT max(created_at) FROM payments)
"""


def test_who_paid_last_is_cached_before_the_first_request(optimized: Client) -> None:
    """User 130 paid 2997. First in this module: others empty the cache."""
    for path in ("/invoices/user/130/latest", "/subscriptions/user/130/active"):
        assert (optimized.get(path).cache, optimized.get(path).status) == ("hit", 200)


@pytest.mark.parametrize("limit", [1, 10, 40])
def test_baseline_costs_one_statement_and_three_more_for_each_payment(baseline: Client, limit: int) -> None:
    answer = baseline.get(f"/payments/user/226?limit={limit}")
    assert answer.queries == 1 + 3 * len(items(answer)) == 1 + 3 * limit


def test_baseline_counts_the_subscribers_of_each_plan(baseline: Client) -> None:
    answer = baseline.get("/plans")
    assert answer.queries == 1 + len(items(answer)) == 11


@pytest.mark.parametrize(
    "path",
    [
        "/payments/user/227?limit=40",
        "/payments/user/227?status=settled",
        "/payments?limit=40",
        "/payments?status=failed",
        "/invoices/user/227/latest",
        "/invoices/3",
        "/invoices/overdue",
        "/subscriptions/user/232/active",
        "/subscriptions/due",
        "/plans",
    ],
)
def test_optimized_costs_one_statement_cold_and_none_cached(
    optimized: Client, redis_server: RedisServer, path: str
) -> None:
    costs_one_statement_and_none_cached(optimized, redis_server, path)


def test_a_payment_costs_one_statement_and_a_repetition_those_of_before(optimized: Client, baseline: Client) -> None:
    assert [pay(optimized, "cost").queries for _ in range(2)] == [1, 5]
    assert [pay(baseline, "cost").queries for _ in range(2)] == [7, 4]


def test_any_write_empties_the_cache_of_baseline(baseline: Client) -> None:
    assert left(baseline, lambda: pay(baseline, "empties")) == set()


def test_a_payment_takes_from_optimized_only_what_it_touched(optimized: Client) -> None:
    assert gone(optimized, lambda: pay(optimized, "touches")) == {
        "payments of 226",
        "latest of 226",
        "active of 226",
        "all",
        "settled",
        "every overdue",
    }


def test_a_repetition_takes_the_same_since_it_may_be_acknowledged_first(optimized: Client) -> None:
    pay(optimized, "again")
    assert {"payments of 226", "latest of 226", "all"} <= gone(optimized, lambda: pay(optimized, "again"))


def test_a_refund_long_ago_leaves_the_newest_lists(optimized: Client) -> None:
    """Payment 2881 lies behind the end of each list of five; its invoice is 2700."""
    refunded = gone(optimized, lambda: optimized.send("POST", "/payments/2881/refund"))
    assert refunded == {"payments of 226", "an invoice of 226", "active of 226", "refunded"}


def test_a_refused_write_takes_nothing(optimized: Client) -> None:
    assert gone(optimized, lambda: optimized.send("POST", "/payments/2992/refund")) == set()
    assert gone(optimized, lambda: optimized.send("POST", "/subscriptions", {"user_id": 323, "plan_id": 12})) == set()


def test_a_subscription_takes_the_one_of_its_user_and_the_counts(optimized: Client) -> None:
    """It renews later than the five that renew first."""
    new, both = {"user_id": 323, "plan_id": 3}, {"active of 323", "plans"}
    assert gone(optimized, lambda: optimized.send("POST", "/subscriptions", new)) == both
    assert gone(optimized, lambda: optimized.send("DELETE", "/subscriptions/user/323/active")) == both


def test_a_payment_of_who_is_due_first_takes_the_list_of_these(optimized: Client) -> None:
    """And the answer shows the new date, in both the list and the subscription."""
    first = items(optimized.get(READ["due"]))[0]
    body = {"user_id": first["user_id"], "plan_id": first["plan_id"], "idempotency_key": "due"}
    assert "due" in gone(optimized, lambda: optimized.send("POST", "/payments", body))
    active = optimized.get(f"/subscriptions/user/{first['user_id']}/active").body
    assert isinstance(active, dict)
    before, after = (datetime.fromisoformat(each["renews_at"]) for each in (first, active))
    assert after == before + timedelta(days=active["period_days"])


def test_a_night_ends_what_was_not_renewed_and_takes_exactly_that(
    postgres: Postgres, redis_server: RedisServer, indexed: str
) -> None:
    url, redis = postgres.create("payment_night", indexed), redis_server.url(3)

    def pass_a_night() -> None:
        done = running.run("rebuild", "payment", DATABASE_URL=url, REDIS_URL=redis)
        assert done.returncode == 0, done.stderr

    with psycopg.connect(url) as connection:
        (late,) = connection.execute(LATE).fetchone() or ()
    assert 0 < len(late) < 20
    with running.service("payment", "optimized", url, redis) as client:
        paths = [f"/subscriptions/user/{user}/active" for user in (226, *late)]
        assert [client.get(path).status for path in paths] == [200] * len(paths)
        plans, due = client.get("/plans").body, client.get(READ["due"]).body
        pass_a_night()
        assert [client.get(path).status for path in paths] == [200] + [404] * len(late)
        assert client.get("/plans").body != plans
        assert client.get(READ["due"]).body != due
        assert client.get(paths[0]).cache == "hit"
        # A payment of today makes the generated ones old: few subscriptions are left, so that the list is short.
        pay(client, "today")
        pass_a_night()
        assert 0 < len(items(client.get("/subscriptions/due?limit=100"))) < 100
        client.send("POST", "/subscriptions", {"user_id": 999, "plan_id": 3})
        assert 999 in {item["user_id"] for item in items(client.get("/subscriptions/due?limit=100"))}


def left(client: Client, write: Callable[[], Answer]) -> set[str]:
    """What of READ is still cached after a write."""
    for path in READ.values():
        client.get(path)
    assert {client.get(path).cache for path in READ.values() if client.get(path).status == 200} == {"hit"}
    write()
    return {name for name, path in READ.items() if client.get(path).cache == "hit"}


def gone(client: Client, write: Callable[[], Answer]) -> set[str]:
    """What of READ a write took from the cache."""
    cached = {name for name, path in READ.items() if client.get(path).status == 200}
    return cached - left(client, write)


def pay(client: Client, key: str) -> Answer:
    answer = client.send("POST", "/payments", {"user_id": 226, "plan_id": 2, "idempotency_key": key})
    assert answer.status == 201
    return answer


def items(answer: Answer) -> list[dict[str, Any]]:
    assert isinstance(answer.body, dict)
    listed: list[dict[str, Any]] = answer.body["items"]
    return listed
