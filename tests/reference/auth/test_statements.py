"""How many statements an answer costs, and where it came from, as its headers say."""

import psycopg
import pytest

from tests.reference.auth.tokens import token
from tests.reference.running import Client, Postgres


def test_baseline_costs_one_statement_and_more_for_each_item(baseline: Client) -> None:
    for user, roles in ((2, 4), (35, 0)):
        assert baseline.get(f"/auth/user/{user}/permissions").queries == 2 + roles
    for path in ("/auth/users", "/auth/role/video-reader/users", "/auth/permission/content-read/roles"):
        answer = baseline.get(path)
        assert answer.queries == 1 + len(answer.body["items"]) > 10  # type: ignore[index] # a list's shape


@pytest.mark.parametrize(
    "path",
    [
        "/auth/token",
        "/auth/user/3/permissions",
        "/auth/user/3/logouts",
        "/auth/users?limit=40",
        "/auth/users/by-name/user3",
        "/auth/users/by-email/user3@example.com",
        "/auth/role/video-reader/users?limit=40",
        "/auth/permission/content-read/roles",
    ],
)
def test_optimized_costs_one_statement_cold_and_none_cached(optimized: Client, path: str) -> None:
    given = token(3, "cold")
    cold, cached = (optimized.send("GET", path, token=given) for _ in range(2))
    assert [(answer.cache, answer.queries) for answer in (cold, cached)] == [("miss", 1), ("hit", 0)]
    assert cold.body == cached.body


def test_a_token_given_back_is_looked_up_every_time(either: Client) -> None:
    given = token(7, "back")
    either.send("POST", "/auth/logout", token=given)
    answers = [either.send("GET", "/auth/token", token=given) for _ in range(2)]
    assert [(answer.status, answer.cache, answer.queries) for answer in answers] == [(401, "miss", 1)] * 2


def test_a_wrong_password_costs_the_statements_of_a_wrong_name(either: Client) -> None:
    tried = [{"username": name, "password": "wrong"} for name in ("user3", "user67", "nobody")]
    answers = [either.send("POST", "/auth/login", body) for body in tried]
    assert {(answer.status, str(answer.body), answer.queries) for answer in answers} == {
        (401, "{'error': {'code': 'refused', 'message': 'the username or the password is wrong'}}", 1)
    }


def test_any_write_empties_the_cache_of_baseline(baseline: Client) -> None:
    read = ["/auth/user/12/permissions", "/auth/users/by-name/user13"]
    for path in read:
        baseline.get(path)
    assert [baseline.get(path).cache for path in read] == ["hit", "hit"]
    assert baseline.send("PUT", "/auth/user/14/roles", {"roles": []}).status == 200
    assert [baseline.get(path).cache for path in read] == ["miss", "miss"]


@pytest.mark.parametrize(
    ("method", "path", "body", "touched"),
    [
        (
            "PUT",
            "/auth/user/20/roles",
            {"roles": ["video-author"]},
            {"/auth/user/20/permissions", "/auth/users/by-name/user20", "/auth/role/video-author/users"},
        ),
        (
            "PUT",
            "/auth/role/team-author/permissions",
            {"permissions": ["new"]},
            {"/auth/user/21/permissions", "/auth/permission/new/roles"},
        ),
        ("POST", "/auth/users", {"username": "n", "email": "n@b.c", "password": "password"}, {"/auth/users?limit=1"}),
        ("POST", "/auth/login", {"username": "user20", "password": "password-4"}, set()),
        ("POST", "/auth/logout", None, {"/auth/token", "/auth/user/20/logouts"}),
    ],
)
def test_a_write_takes_from_optimized_only_what_it_touched(
    optimized: Client, method: str, path: str, body: object, touched: set[str]
) -> None:
    given = token(20, "touched")
    read = [
        "/auth/token",
        "/auth/user/20/permissions",
        "/auth/user/21/permissions",
        "/auth/user/20/logouts",
        "/auth/user/21/logouts",
        "/auth/users?limit=1",
        "/auth/users/by-name/user20",
        "/auth/role/video-author/users",
        "/auth/role/content-author/users",
        "/auth/permission/new/roles",
        "/auth/permission/other/roles",
    ]
    assert optimized.send("PUT", "/auth/user/21/roles", {"roles": ["team-author"]}).status == 200
    for again in read:
        optimized.send("GET", again, token=given)
    assert optimized.send(method, path, body, token=given).status in {200, 201}
    missed = {again for again in read if optimized.send("GET", again, token=given).cache == "miss"}
    assert missed == touched


def test_those_who_logged_in_last_are_cached_before_the_first_request(
    optimized: Client, postgres: Postgres, indexed: str
) -> None:
    order = "ORDER BY last_login_at DESC NULLS LAST LIMIT 1 OFFSET"
    with psycopg.connect(postgres.url(indexed)) as connection:
        (hundredth, next_one) = (
            connection.execute(f"SELECT id FROM users {order} {offset}").fetchall()[0][0] for offset in (99, 100)
        )
    assert [optimized.get(f"/auth/user/{user}/permissions").cache for user in (hundredth, next_one)] == ["hit", "miss"]
