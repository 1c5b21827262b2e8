"""Where two answers differ, as a person would point at it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.answer_differences import MAX_CHARACTERS, differences_between
from harness.record.answers import CanonicalForm

Found = list[tuple[str, str, str]]


def found(before: str, after: str, *, in_any_order: bool = False) -> Found:
    return [(d.where, d.before, d.after) for d in differences_between(before, after, in_any_order=in_any_order)]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ('{"a":1}', '{"a":2}', [("$.a", "1", "2")]),
        ('{"a":1}', '{"a":"1"}', [("$.a", "1", '"1"')]),
        ('{"a":null}', "{}", [("$.a", "null", "nothing")]),
        ("{}", '{"a b":[1]}', [('$["a b"]', "nothing", "[1]")]),
        ('{"a":[{"t":"x"},{"t":"y"}]}', '{"a":[{"t":"x"},{"t":"z"}]}', [("$.a[1].t", '"y"', '"z"')]),
        ("[1,2]", "[1]", [("$.length", "2", "1"), ("$[1]", "2", "nothing")]),
        ("[1]", "[1,2]", [("$.length", "1", "2"), ("$[1]", "nothing", "2")]),
        ('{"a":{}}', '{"a":[]}', [("$.a", "{}", "[]")]),
        ("true", "false", [("$", "true", "false")]),
        ("[1,2,3,4]", "[5,6,7,8]", [("$[0]", "1", "5"), ("$[1]", "2", "6"), ("$[2]", "3", "7")]),
        ("Hello world", "Hello there", [("character 7", "Hello world", "Hello there")]),
        ("abc", "abcd", [("character 4", "abc", "abcd")]),
        ('{"a":1}', '{"a":1}', []),
        ("same", "same", []),
    ],
)
def test_a_difference_is_where_it_is(before: str, after: str, expected: Found) -> None:
    assert found(before, after) == expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("[1,2,3]", "[1,3]", [("$.length", "3", "2"), ("$[*]", "2", "nothing")]),
        ("[1,1,2]", "[1,2,2]", [("$[*]", "1", "2")]),
        ('[{"id":1,"t":"x"},{"id":2}]', '[{"id":1,"t":"y"},{"id":2}]', [("$[*].t", '"x"', '"y"')]),
        ("[1,2]", "[3,4]", [("$[*]", "1", "nothing"), ("$[*]", "2", "nothing"), ("$[*]", "nothing", "3")]),
    ],
)
def test_of_bags_it_says_what_only_one_has(before: str, after: str, expected: Found) -> None:
    assert found(before, after, in_any_order=True) == expected


def test_what_is_long_is_cut() -> None:
    ((_, before, after),) = found('"' + "a" * 500 + '"', "1")
    assert len(before) == MAX_CHARACTERS
    assert before.endswith("…")
    assert after == "1"
    ((where, before, after),) = found("x" * 5000 + "1 tail", "x" * 5000 + "2 tail")
    assert where == "character 5,001"
    assert before == f"…{'x' * 30}1 tail"


leaves = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "b"])
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner), max_leaves=8
)


@given(values, values, st.booleans())
def test_there_is_a_difference_where_the_forms_differ(one: object, other: object, in_any_order: bool) -> None:
    form = CanonicalForm(in_any_order=in_any_order)
    before, after = (str(form.of(dumped(value), "application/json")) for value in (one, other))
    assert bool(found(before, after, in_any_order=in_any_order)) == (before != after)


def dumped(value: object) -> bytes:
    return json.dumps(value).encode()
