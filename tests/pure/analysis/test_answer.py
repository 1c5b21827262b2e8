"""The form in which answers are compared: what is one answer, and what is two."""

import json
import random
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.record.answers import MAX_TEXT, CanonicalForm, digest, kept_text

JSON = "application/json"
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


def of(text: str, form: CanonicalForm | None = None, kind: str = JSON) -> str | bytes:
    return (form or CanonicalForm()).of(text.encode(), kind)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"a": 1, "b": 2}', '{"b":2,"a":1}'),
        ("1", "1.0"),
        ("1.50", "15e-1"),
        ("100", "1e2"),
        ("-0.0", "0"),
        ("0.00001", "1E-5"),
        ("1e400", "10e399"),
        ('"\\u00e9"', '"é"'),
        ('"a\\/b"', '"a/b"'),
    ],
)
def test_one_answer_written_in_two_ways_is_one(one: str, other: str) -> None:
    assert of(one) == of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", "1.0000000000000000001"),
        ("9007199254740992", "9007199254740993"),
        ("1e400", "1e401"),
        ("1", '"1"'),
        ("[1, 2]", "[2, 1]"),
        ("null", "false"),
        ('{"a": null}', "{}"),
        ('{"a": 1, "a": 2}', '{"a": 2}'),
        ("NaN", '"NaN"'),
        ('"\\ud800"', '"\\ud801"'),
        ("[" * 5000 + "]" * 5000, "[]"),
    ],
)
def test_what_is_not_the_same_stays_apart(one: str, other: str) -> None:
    assert of(one) != of(other)


def test_ignored_keys_are_left_out_wherever_they_are() -> None:
    form = CanonicalForm(ignored=frozenset({"token", "at"}))
    left, right = '{"token": 1, "items": [{"at": 1, "id": 2}]}', '{"items": [{"id": 2, "at": null}]}'
    assert of(left, form) == of(right, form) == '{"items":[{"id":2}]}'
    assert of(left) != of(right)


def test_lists_are_bags_only_where_the_plan_says_so() -> None:
    left, right = (
        '{"items": [{"id": 1, "tags": ["a", "b"]}, {"id": 2}]}',
        '{"items": [{"id": 2}, {"tags": ["b", "a"], "id": 1}]}',
    )
    assert of(left, CanonicalForm(in_any_order=True)) == of(right, CanonicalForm(in_any_order=True))
    assert of(left) != of(right)
    assert of("[1, 1, 2]", CanonicalForm(in_any_order=True)) != of("[1, 2, 2]", CanonicalForm(in_any_order=True))


@pytest.mark.parametrize(
    ("body", "kind", "form"),
    [
        (b"<p>1</p>", "text/html", "<p>1</p>"),
        (b'{"b":1, "a":1}', "text/plain", '{"b":1, "a":1}'),
        (b'{"b":1, "a":1}', "", '{"a":1,"b":1}'),
        (b"not json", JSON, "not json"),
        (b"\xff\x00", "image/png", b"\xff\x00"),
        (b"", JSON, ""),
    ],
)
def test_what_is_no_json_is_compared_as_it_is(body: bytes, kind: str, form: str | bytes) -> None:
    assert CanonicalForm().of(body, kind) == form


def test_addresses_of_the_arm_itself_are_no_difference() -> None:
    before, after = (CanonicalForm(own={f"http://127.0.0.1:{port}": "{service}"}) for port in (8080, 41233))
    link = '{{"next": "http://127.0.0.1:{0}/items?page=2", "see": "in http://127.0.0.1:{0}."}}'
    assert of(link.format(8080), before) == of(link.format(41233), after)
    assert of(link.format(8080), after) != of(link.format(41233), after)
    assert of('"http://127.0.0.1:80801/x"', before) == '"http://127.0.0.1:80801/x"'  # another port


def test_of_a_long_answer_the_beginning_is_kept_and_all_is_compared() -> None:
    long = of(json.dumps("x" * 2 * MAX_TEXT))
    assert kept_text(long) == (long[:MAX_TEXT], False)
    assert kept_text("short") == ("short", True)
    assert digest(long) != digest(long[:-2])
    assert kept_text(b"\xff" * 1234) == ("1,234 bytes that are no text", False)


def test_a_digest_with_a_key_says_nothing_without_it() -> None:
    assert digest("password", "key") == digest("password", "key")
    assert digest("password", "key") not in {digest("password"), digest("password", "other")}


@given(values)
def test_the_form_is_json_of_the_same_value_and_its_own_form(value: object) -> None:
    form = of(json.dumps(value))
    exact: dict[str, Any] = {"parse_int": Decimal, "parse_float": Decimal}
    assert json.loads(form, **exact) == json.loads(json.dumps(value), **exact)
    assert of(str(form)) == form


@given(st.lists(values, max_size=6), st.randoms())
def test_a_bag_has_one_form_in_any_order(items: list[object], chance: random.Random) -> None:
    shuffled = chance.sample(items, len(items))
    form = CanonicalForm(in_any_order=True)
    assert of(json.dumps(items), form) == of(json.dumps(shuffled), form)
