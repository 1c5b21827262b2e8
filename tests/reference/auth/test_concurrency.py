"""Fifty at the same moment: nothing is lost, nothing is there twice, nobody waits in a circle."""

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import psycopg
import pytest

from tests.reference.auth.tokens import token
from tests.reference.running import Answer, Client, Postgres
from tests.reference.throng import reading

A = TypeVar("A")
R = TypeVar("R")
MANY = 50
AFTER_SEED = "2026-01-02"
ROLES = ["video-reader", "video-author", "audit-reader", "team-manager", "team-author"]


def test_a_name_and_an_address_are_given_once(either: Client) -> None:
    """Seven names and five addresses: at most five sign up, and whoever was refused met somebody who did."""
    wanted = [(f"twin-{number % 7}", f"twin-{number % 5}@example.com") for number in range(MANY)]
    answers = at_once(
        lambda pair: either.insist(
            "POST", "/auth/users", {"username": pair[0], "email": pair[1], "password": "password"}
        ),
        wanted,
    )
    assert set(statuses(answers)) == {201, 409}
    made = [pair for pair, answer in zip(wanted, answers, strict=True) if answer.status == 201]
    names, addresses = {name for name, _ in made}, {address for _, address in made}
    assert len(names) == len(addresses) == len(made)
    assert all(name in names or address in addresses for name, address in wanted)


def test_a_token_is_blacklisted_once(either: Client) -> None:
    given = token(100, "once")
    answers = at_once(lambda _: either.insist("POST", "/auth/logout", token=given), range(MANY))
    assert statuses(answers) == {200: MANY}
    entries = items(either.get("/auth/user/100/logouts?limit=100"))
    assert len([entry for entry in entries if str(entry["created_at"]) > AFTER_SEED]) == 1


def test_roles_and_permissions_end_as_somebody_wanted_them(
    either: Client, postgres: Postgres, request: pytest.FixtureRequest
) -> None:
    roles = [sorted({ROLES[number % 5], ROLES[number % 3]}) for number in range(MANY)]
    permissions = [[f"level-{number}", f"level-{number + 1}"] for number in range(MANY)]

    def write(number: int) -> tuple[Answer, Answer, Answer]:
        return (
            either.insist("PUT", f"/auth/user/{30 + number % 2}/roles", {"roles": roles[number]}),
            either.insist("PUT", "/auth/role/team-author/permissions", {"permissions": permissions[number]}),
            either.insist("POST", "/auth/logout", token=token(30, str(number))),
        )

    answers = [answer for three in at_once(write, range(MANY)) for answer in three]
    assert statuses(answers) == {200: 3 * MANY}
    shown = either.get("/auth/user/30/permissions").body
    assert isinstance(shown, dict)
    held = {role["name"]: role["permissions"] for role in shown["roles"]}
    assert sorted(held) in roles
    assert held.get("team-author", permissions[0]) in map(sorted, permissions)
    release = request.node.callspec.params["either"]
    with psycopg.connect(postgres.url(f"{release}_{__name__}")) as connection:
        for table, pair in (("user_roles", "user_id, role_id"), ("role_permissions", "role_id, permission")):
            twice = connection.execute(f"SELECT {pair} FROM {table} GROUP BY {pair} HAVING count(*) > 1").fetchall()
            assert twice == []
        kept = connection.execute(
            "SELECT permission FROM role_permissions JOIN roles ON roles.id = role_id "
            "WHERE name = 'team-author' ORDER BY 1"
        ).fetchall()
        assert sorted(name for (name,) in kept) in map(sorted, permissions)
        logouts = connection.execute(
            "SELECT count(DISTINCT token_hash) FROM token_blacklist "
            "WHERE user_id = 30 AND created_at > now() - interval '1 hour'"
        ).fetchone()
        assert logouts == (MANY,)


def test_all_log_in(either: Client) -> None:
    answers = at_once(
        lambda _: either.insist("POST", "/auth/login", {"username": "user1", "password": "password-1"}), range(MANY)
    )
    assert statuses(answers) == {200: MANY}
    tokens = {answer.body["token"] for answer in answers}  # type: ignore[index] # an object
    assert len(tokens) == MANY
    assert {either.send("GET", "/auth/token", token=given).status for given in tokens} == {200}


def test_nobody_is_answered_from_before_while_many_read_and_write(optimized: Client) -> None:
    """Readers keep filling the cache while a writer checks, after each acknowledged write, all that shows it."""
    current = [token(41, "0")]

    def read() -> None:
        for path in ("/auth/token", "/auth/user/41/permissions", "/auth/role/video-author/users"):
            optimized.send("GET", path, token=current[0])

    with reading(read):
        for round_ in range(20):
            given = current[0]
            assert optimized.send("GET", "/auth/token", token=given).status == 200
            assert optimized.send("POST", "/auth/logout", token=given).status == 200
            assert optimized.send("GET", "/auth/token", token=given).status == 401
            current[0] = token(41, str(round_ + 1))
            wanted = ["video-author"] if round_ % 2 else []
            permissions = [f"round-{round_}"]
            assert optimized.send("PUT", "/auth/user/41/roles", {"roles": wanted}).status == 200
            holders = items(optimized.get("/auth/role/video-author/users"))
            assert (41 in [user["id"] for user in holders]) == bool(wanted)
            put = optimized.send("PUT", "/auth/role/video-author/permissions", {"permissions": permissions})
            assert put.status == 200
            shown = optimized.get("/auth/user/41/permissions").body
            assert isinstance(shown, dict)
            assert shown["permissions"] == (permissions if wanted else [])


def at_once(send: Callable[[A], R], arguments: Iterable[A]) -> list[R]:
    with ThreadPoolExecutor(MANY) as threads:
        return list(threads.map(send, arguments))


def statuses(answers: Iterable[Answer]) -> Counter[int]:
    return Counter(answer.status for answer in answers)


def items(answer: Answer) -> list[dict[str, object]]:
    assert isinstance(answer.body, dict)
    found: list[dict[str, object]] = answer.body["items"]
    return found
