"""What is refused, how, and with which words: the same for both releases."""

import pytest

from tests.reference.refusals import refusal_test
from tests.reference.running import Client

CHANGE = {"title": "t", "body": "b", "tags": ["a"]}


test_is_refused_with_a_clear_message = refusal_test(
    ("GET", "/recommendations/x", None, 422, "user_id: must be a whole number from 1 to"),
    ("GET", "/recommendations/0", None, 422, "user_id: must be"),
    ("GET", "/recommendations/9223372036854775808", None, 422, "user_id: must be"),
    ("GET", "/recommendations/1?limit=0", None, 422, "limit: must be a whole number from 1 to 100"),
    ("GET", "/recommendations/1?limit=101", None, 422, "limit: must be"),
    ("GET", "/recommendations/1?limit=1e1", None, 422, "limit: must be"),
    ("GET", "/recommendations/99999", None, 404, "user 99999 does not exist"),
    ("GET", "/content/99999", None, 404, "content 99999 does not exist"),
    ("PUT", "/content/99999", CHANGE, 404, "content 99999 does not exist"),
    ("PUT", "/content/1", CHANGE | {"tags": ["Not A Tag"]}, 422, "tags.0: String should match"),
    ("PUT", "/content/1", CHANGE | {"tags": ["a"] * 21}, 422, "tags: List should have at most 20"),
    ("PUT", "/content/1", CHANGE | {"title": ""}, 422, "title: String should have at least 1"),
    ("PUT", "/content/1", CHANGE | {"title": "a\0b"}, 422, "title: Value error, must not contain NUL"),
    ("PUT", "/content/1", CHANGE | {"more": 1}, 422, "more: Extra inputs are not permitted"),
    ("PUT", "/content/1", [], 422, "body: Input should be a valid dictionary"),
    ("POST", "/content", CHANGE, 422, "creator_id: Field required"),
    ("POST", "/content", CHANGE | {"creator_id": 99999}, 404, "user 99999 does not exist"),
    ("POST", "/interactions", {"user_id": 1, "content_id": 1, "kind": "buy"}, 422, "kind: Input should be 'view'"),
    ("POST", "/interactions", {"user_id": "1", "content_id": 1, "kind": "view"}, 422, "user_id: Input should be"),
    ("POST", "/interactions", {"user_id": 99999, "content_id": 99999, "kind": "view"}, 404, "user 99999"),
    ("POST", "/interactions", {"user_id": 1, "content_id": 99999, "kind": "view"}, 404, "content 99999"),
    ("POST", "/engagement-scores", {"as_of": "2026-01-01T00:00:00"}, 422, "as_of: Input should have timezone"),
    ("POST", "/engagement-scores", {"as_of": "0001-01-01T00:00:00+23:00"}, 422, "as_of: Value error"),
    ("DELETE", "/content/1", None, 405, "Method Not Allowed"),
    ("GET", "/", None, 404, "Not Found"),
)


@pytest.mark.parametrize("raw", [b"{", b"\xff", b'{"title": "\\ud800"}', b"[" * 5000])
def test_a_body_that_is_not_json_is_malformed(either: Client, raw: bytes) -> None:
    answer = either.send("POST", "/content", raw=raw)
    assert (answer.status, answer.refusal[0]) == (400, "malformed")
