"""What a plan says of the answers that are compared, and what it may not say."""

import pytest

from harness.errors import PlanError
from harness.plan.answers import Corpus
from harness.plan.file import parse_plan
from tests.doubles import PLAN


def corpus(text: str) -> Corpus:
    found = parse_plan(f"{PLAN}\n[answers]\n{text}\n").answers
    assert found is not None
    return found


def test_without_a_word_three_hundred_answers_are_compared_in_order() -> None:
    found = corpus("")
    assert (found.requests, found.users) == (300, ())
    assert not found.ignored("GET /a")
    assert not found.in_any_order("GET /a")
    assert not found.may_vary("GET /a")
    assert parse_plan(PLAN).answers is None


def test_keys_are_ignored_everywhere_or_by_endpoint() -> None:
    assert corpus('ignore = ["token"]').ignored("GET /a") == {"token"}
    found = corpus('ignore = { "*" = ["token"], "GET /a" = ["at", "by"] }')
    assert found.ignored("GET /a") == {"token", "at", "by"}
    assert found.ignored("GET /b") == {"token"}


def test_endpoints_are_named_or_all() -> None:
    found = corpus('unordered = ["GET /a"]\nvarying = ["*"]')
    assert (found.in_any_order("GET /a"), found.in_any_order("GET /b")) == (True, False)
    assert found.may_vary("GET /b")
    assert list(found.endpoints) == [("answers.unordered[0]", "GET /a")]


def test_profiles_leave_it_as_it_is() -> None:
    text = f'{PLAN}\n[answers]\nignore = ["token"]\n[profiles.quick]\ntime = 0.5\n'
    assert parse_plan(text, profile="quick").answers == parse_plan(text).answers


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("requests = 0", "answers.requests: Input should be greater than or equal to 1"),
        ("request = 5", 'answers.request: unknown key; did you mean "requests"?'),
        ('unordered = ["/items"]', 'answers.unordered: "/items" is no endpoint; write it as reports do'),
        ('varying = ["get /items"]', 'answers.varying: "get /items" is no endpoint'),
        ('ignore = "token"', 'answers.ignore: is a list of keys, as in ["token"]'),
        ('ignore = { items = ["token"] }', 'answers.ignore: "items" is no endpoint'),
        ("ignore = [5]", "answers.ignore"),
        ("ignore = 5", 'answers.ignore: is a list of keys, as in ["token"]'),
    ],
)
def test_what_cannot_be_meant_is_refused(text: str, message: str) -> None:
    with pytest.raises(PlanError) as caught:
        corpus(text)
    assert message in str(caught.value)
