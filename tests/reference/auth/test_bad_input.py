"""What is refused, how, and with which words: the same for both releases."""

import pytest

from tests.reference.auth.tokens import token
from tests.reference.refusals import refusal_test
from tests.reference.running import Client

NEW = {"username": "ada", "email": "ada@example.com", "password": "long enough"}


test_is_refused_with_a_clear_message = refusal_test(
    ("GET", "/auth/user/x/permissions", None, 422, "user_id: must be a whole number from 1 to"),
    ("GET", "/auth/user/99999/permissions", None, 404, "user 99999 does not exist"),
    ("GET", "/auth/users?limit=101", None, 422, "limit: must be a whole number from 1 to 100"),
    ("GET", "/auth/users/by-name/A", None, 422, "username: must be 1 to 40 of a-z"),
    ("GET", "/auth/users/by-name/nobody", None, 404, "user nobody does not exist"),
    ("GET", "/auth/users/by-email/nobody", None, 422, "email: must be an e-mail address in lower case"),
    ("GET", "/auth/users/by-email/a@b.c", None, 404, "user a@b.c does not exist"),
    ("PUT", "/auth/user/99999/roles", {"roles": []}, 404, "user 99999 does not exist"),
    ("PUT", "/auth/user/1/roles", {"roles": ["video-reader", "king"]}, 404, "role king does not exist"),
    ("PUT", "/auth/user/1/roles", {"roles": "king"}, 422, "roles: Input should be a valid list"),
    ("PUT", "/auth/role/king/permissions", {"permissions": []}, 404, "role king does not exist"),
    ("PUT", "/auth/role/king/permissions", {"permissions": ["A"]}, 422, "permissions.0: String should match"),
    ("POST", "/auth/users", NEW | {"username": "user1"}, 409, "the username is taken"),
    ("POST", "/auth/users", NEW | {"email": "user1@example.com"}, 409, "the email is taken"),
    ("POST", "/auth/users", NEW | {"email": "no address"}, 422, "email: String should match"),
    ("POST", "/auth/users", NEW | {"password": "short"}, 422, "password: Value should have at least 8"),
    ("POST", "/auth/users", NEW | {"password": 12345678}, 422, "password: Input should be a valid string"),
    ("POST", "/auth/users", NEW | {"is_active": True}, 422, "is_active: Extra inputs are not permitted"),
    ("POST", "/auth/login", {"username": "user1"}, 422, "password: Field required"),
    (
        "POST",
        "/auth/login",
        {"username": "user1", "password": "p" * 129},
        422,
        "password: Value should have at most",
    ),
    ("DELETE", "/auth/users", None, 405, "Method Not Allowed"),
)


VALID = token(1, "valid")
OTHER_KEY = "of-somebody-else-with-enough-bytes-for-it"


@pytest.mark.parametrize("path", [("GET", "/auth/token"), ("POST", "/auth/logout")])
@pytest.mark.parametrize(
    "given",
    [
        None,
        "x",
        "a.b.c",
        VALID[:-1],
        f"{VALID}=",  # the same signature, written in another way
        token(1, "expired", seconds=-1),
        token(1, "forged", secret=OTHER_KEY),
        token(1, "without end", exp=None),
        token(1, "without end", exp=1e30),
        token(0, "nobody"),
        token(2**63, "nobody"),
        token("x", "nobody"),
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIiwiZXhwIjo5OTk5OTk5OTk5LCJqdGkiOiJ4In0.",  # not signed at all
    ],
)
def test_a_token_is_refused_without_saying_why(either: Client, path: tuple[str, str], given: str | None) -> None:
    answer = either.send(*path, token=given)
    assert answer.status == 401
    assert answer.body == {"error": {"code": "refused", "message": "the token is missing or not valid"}}
    assert answer.queries == 0


def test_another_scheme_is_no_token(either: Client) -> None:
    answer = either.http.get("/auth/token", headers={"Authorization": f"Basic {VALID}"})
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
