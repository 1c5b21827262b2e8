"""What is refused, how, and with which words: the same for both releases."""

from tests.reference.refusals import refusal_test
from tests.reference.running import Client

CONFIGURATION = {"strictness": "strict", "least_confidence": 80, "hides_promotions": True}
EVENT = {"user_id": 1, "kind": "post_shown", "post": "p"}
CLASSIFICATION = {"label": "bait", "confidence": 80, "model": "small-3"}


test_is_refused_with_a_clear_message = refusal_test(
    ("GET", "/users?limit=101", None, 422, "limit: must be a whole number from 1 to 100"),
    ("GET", "/users?after=0", None, 422, "after: must be a whole number from 1 to"),
    ("GET", "/users?after=", None, 422, "after: must be"),
    ("GET", "/users/x/filter", None, 422, "user_id: must be a whole number from 1 to"),
    ("GET", "/users/99999/filter", None, 404, "user 99999 does not exist"),
    ("GET", "/users/by-email/Ada/filter", None, 422, "email: must be an e-mail address in lower case"),
    ("GET", "/users/by-email/a@b/filter", None, 404, "user a@b does not exist"),
    ("GET", "/users/99999/configuration", None, 404, "configuration of user 99999 does not exist"),
    ("GET", "/users/1/events?before=x", None, 422, "before: must be a whole number from 1 to"),
    ("GET", "/users/0/statistics", None, 422, "user_id: must be"),
    ("GET", "/statistics?limit=0", None, 422, "limit: must be"),
    ("GET", "/classifications/No", None, 422, "key: must be 1 to 40 of a-z, 0-9 and -"),
    ("GET", "/classifications/unknown", None, 404, "classification unknown does not exist"),
    ("POST", "/users/1/keywords", {}, 422, "keyword: Field required"),
    ("POST", "/users/1/keywords", {"keyword": ""}, 422, "keyword: String should have at least 1"),
    ("POST", "/users/1/keywords", {"keyword": "a\0"}, 422, "keyword: Value error, must not contain NUL"),
    ("POST", "/users/99999/keywords", {"keyword": "a"}, 404, "user 99999 does not exist"),
    ("DELETE", "/users/1/keywords/99999", None, 404, "keyword 99999 does not exist"),
    ("DELETE", "/users/1/keywords/x", None, 422, "keyword_id: must be"),
    ("PUT", "/users/1/configuration", CONFIGURATION | {"strictness": "lax"}, 422, "strictness: Input should be"),
    ("PUT", "/users/1/configuration", CONFIGURATION | {"least_confidence": 101}, 422, "less than or equal to 100"),
    ("PUT", "/users/1/configuration", CONFIGURATION | {"hides_promotions": 1}, 422, "valid boolean"),
    ("PUT", "/users/99999/configuration", CONFIGURATION, 404, "user 99999 does not exist"),
    ("POST", "/events", EVENT | {"user_id": 99999}, 404, "user 99999 does not exist"),
    ("POST", "/events", EVENT | {"kind": "post_liked"}, 422, "kind: Input should be 'post_shown', 'post_filtered'"),
    ("POST", "/events", EVENT | {"post": "A"}, 422, "post: String should match"),
    ("POST", "/events", EVENT | {"created_at": "2026-01-01"}, 422, "created_at: Extra inputs are not permitted"),
    ("PUT", "/classifications/p", CLASSIFICATION | {"confidence": -1}, 422, "confidence: Input should be greater"),
    ("PUT", "/classifications/p", CLASSIFICATION | {"label": "B"}, 422, "label: String should match"),
    ("PUT", "/classifications/p", [], 422, "body: Input should be a valid dictionary"),
    ("DELETE", "/users/1/configuration", None, 405, "Method Not Allowed"),
)


def test_a_keyword_is_not_added_twice_nor_removed_by_another(either: Client) -> None:
    added = either.send("POST", "/users/2/keywords", {"keyword": "twice"})
    assert added.status == 201
    again = either.send("POST", "/users/2/keywords", {"keyword": "twice"})
    assert (again.status, again.body) == (
        409,
        {"error": {"code": "conflict", "message": "user 2 has this keyword already"}},
    )
    keyword = added.body["id"]  # type: ignore[index] # a keyword's shape
    assert either.send("DELETE", f"/users/3/keywords/{keyword}").status == 404
    assert either.send("DELETE", f"/users/2/keywords/{keyword}").body == added.body


def test_what_is_asked_of_an_unknown_user_is_an_empty_list(either: Client) -> None:
    for what in ("keywords", "events", "statistics"):
        assert either.get(f"/users/99999/{what}").body == {"items": []}
    assert either.get("/users/1/events?before=99999999").body == {"items": []}
