"""Whatever stands in a plan file: a plan or a PlanError that names its problems, never anything else."""

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from harness.errors import PlanError
from harness.plan.expectation import ExpectationError, parse_expectation
from harness.plan.file import parse_plan
from harness.plan.model import Plan
from tests.doubles import PLAN

LINES = PLAN.splitlines()
VALUES = st.sampled_from(
    [
        "0",
        "-1",
        "1e308",
        "nan",
        "inf",
        "true",
        '""',
        '"\\u0000"',
        "[]",
        "{}",
        "[1, 2]",
        "2026-01-01",
        '"{port}{x}"',
        "9" * 30,
    ]
)


def attempt(text: str) -> Plan | PlanError:
    try:
        return parse_plan(text, "fuzzed.toml")
    except PlanError as error:
        refused = error
    assert refused.problems
    assert all(problem.what for problem in refused.problems)
    assert str(refused).startswith("fuzzed.toml: ")
    return refused


@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    attempt(text)


@given(st.integers(0, len(LINES) - 1), st.sampled_from(["drop", "double", "replace", "rename"]), VALUES)
def test_a_plan_with_one_line_spoiled(number: int, how: str, value: str) -> None:
    lines = list(LINES)
    key, equals, _ = lines[number].partition(" = ")
    lines[number : number + 1] = {
        "drop": [],
        "double": [lines[number]] * 2,
        "replace": [f"{key} = {value}"] if equals else [f"x = {value}"],
        "rename": [f"{key}x = {value}"] if equals else [lines[number] + "x"],
    }[how]
    result = attempt("\n".join(lines))
    if how == "rename" and equals:
        assert isinstance(result, PlanError)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_any_value_of_any_type_for_the_stages(value: Any) -> None:  # noqa: ANN401 - the point
    rendered = "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
    attempt(f"stages = {rendered}\n" + PLAN.split("[[stages]]")[0].replace("schema = 1", ""))


@given(
    st.text(max_size=60) | st.from_regex(r"p9[59] (<|falls by|rises by at most) [0-9.]{1,8} (ms|%|s|)", fullmatch=True)
)
def test_any_expectation(text: str) -> None:
    refused, limit = "", 0.0
    try:
        limit = parse_expectation(text).limit
    except ExpectationError as error:
        refused = str(error)
    assert limit >= 0
    assert limit or refused or "0" in text


def test_the_example_is_a_plan() -> None:
    assert isinstance(attempt(PLAN), Plan)
    assert tomllib.loads(PLAN)["schema"] == 1
