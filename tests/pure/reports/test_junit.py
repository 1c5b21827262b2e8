"""What CI systems see: green for PASS alone."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.pure.reports.conftest import Run


def suite_of(run: Run) -> ET.Element:
    suite = ET.fromstring(run.undrawn["junit.xml"]).find("testsuite")  # noqa: S314 - our own document
    assert suite is not None
    return suite


def test_the_document_as_recorded(usual: Run, golden: Callable[[str, str], None]) -> None:
    golden("junit.xml", usual.undrawn["junit.xml"])


def test_only_a_pass_is_green(usual: Run) -> None:
    for case, check in zip(suite_of(usual).findall("testcase"), usual.verdict.checks, strict=True):
        problem = case.find("failure")
        assert (problem is None) == (check.outcome.value == "PASS")
        assert problem is None or problem.get("type") == check.outcome.value


def test_nothing_is_green_in_an_invalid_run(awkward: Run) -> None:
    if awkward.verdict.outcome.value == "INVALID":
        suite = suite_of(awkward)
        cases = suite.findall("testcase")
        errors = [error for case in cases if (error := case.find("error")) is not None]
        assert len(errors) == len(cases) > 0
        assert {error.get("type") for error in errors} == {"INVALID"}
        assert suite.get("errors") == suite.get("tests")


def test_a_run_without_targets_is_an_error(awkward_runs: dict[str, Run]) -> None:
    suite = suite_of(awkward_runs["no targets"])
    (case,) = suite.findall("testcase")
    assert case.find("error") is not None
    assert (suite.get("tests"), suite.get("errors"), suite.get("failures")) == ("1", "1", "0")


def test_counts_agree_with_the_cases(awkward: Run) -> None:
    suite = suite_of(awkward)
    assert suite.get("tests") == str(len(suite.findall("testcase")))
    assert suite.get("failures") == str(len(suite.findall("testcase/failure")))
    assert suite.get("errors") == str(len(suite.findall("testcase/error")))


def test_hostile_names_are_xml(hostile: Run) -> None:
    assert suite_of(hostile).get("name") == '<b>&"quoted"</b> | `x` ]]>'
