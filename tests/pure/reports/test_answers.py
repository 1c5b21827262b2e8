"""The response comparison in every form of the report."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from harness.analysis.answers import compare_answers
from harness.plan.answers import Corpus
from harness.record.answers import Answer, RecordedAnswers, digest
from harness.record.outcome import Outcome
from harness.verdict.judge import Measurement, judge

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.pure.reports.conftest import Run

ENDPOINTS = ("GET /content/{id}", "GET /recommendations/{user_id}", "POST /interactions")


def responses(count: int = 9, **changed: str) -> RecordedAnswers:
    """Requests in turn; ``changed`` has the texts of other answers by ``n`` and their place."""
    answers = []
    for n in range(1, count + 1):
        endpoint = ENDPOINTS[n % 3]
        text = changed.get(f"n{n}", '{"id":1,"title":"Häuser | <b>"}')
        status = 503 if text == "busy" else 200
        path = changed.get(f"path{n}", f"/content/{n}?limit=3")
        answers.append(Answer(n, endpoint, path, "", status, "application/json", digest(text), text))
    return RecordedAnswers(9, tuple(answers))


def with_answers(run: Run, before: RecordedAnswers | None, after: RecordedAnswers | None) -> Run:
    agreement = compare_answers(before, after, Corpus(requests=9))
    verdict = judge(Measurement(run.plan, run.setup, run.summary, run.comparison, agreement=agreement))
    return replace(run, verdict=verdict)


@pytest.fixture(scope="module")
def wrong(usual: Run) -> Run:
    after = responses(n2='{"id":1,"title":"Hauser | <b>"}', n5="{}", n6="busy", path9="/content/8")
    return with_answers(usual, responses(n1="busy"), after)


@pytest.fixture(scope="module")
def right(usual: Run) -> Run:
    return with_answers(usual, responses(), responses())


def test_differences_as_recorded(wrong: Run, golden: Callable[[str, str], None]) -> None:
    golden("verdict-answers.txt", wrong.text() + "\n")
    golden("verdict-answers-80-ascii.txt", wrong.text(80, ascii_only=True) + "\n")
    golden("summary-answers.md", wrong.undrawn["summary.md"])
    golden("verdict-answers.json", wrong.undrawn["verdict.json"])


def test_answers_fail_a_run_and_lead_its_headline(wrong: Run) -> None:
    assert wrong.verdict.answers is Outcome.FAIL
    said = "FAIL: 3 responses differ (of 8): GET /content/{id} (1), POST /interactions (2); "
    assert wrong.findings.headline.startswith(said)
    assert "3 responses differ" in wrong.findings.tally


def test_equal_answers_follow_the_targets(right: Run) -> None:
    assert right.findings.headline.endswith("; responses identical (9 of 9).")
    assert right.findings.tally.endswith(", responses identical")
    assert right.findings.answers is not None
    assert not right.findings.answers.differences


def test_targets_that_hold_do_not_hide_wrong_answers(right: Run, wrong: Run) -> None:
    held = tuple(check for check in right.verdict.checks if check.outcome is Outcome.PASS)
    verdict = replace(wrong.verdict, checks=held)
    headline = replace(wrong, verdict=verdict).findings.headline
    assert headline.startswith("FAIL: 3 responses differ (of 8)")
    assert headline.endswith(f"{len(held)} of {len(held)} targets met.")


@pytest.mark.parametrize(
    ("before", "after", "outcome", "said"),
    [
        (responses(), responses(path4="/x"), "INCONCLUSIVE", "for only 3 of 9 requests; request 4 was not the same"),
        (responses(5), responses(5), "INCONCLUSIVE", "the users made only 5 of the 9 requests"),
        (responses(), None, "INVALID", "the answers of after are missing"),
        (responses(0), responses(0), "INVALID", "no request was made to compare answers"),
        (responses(n1="busy"), responses(), "PASS", "responses identical (8 of 9)"),
    ],
)
def test_what_was_not_compared_says_so(
    usual: Run, before: RecordedAnswers | None, after: RecordedAnswers | None, outcome: str, said: str
) -> None:
    run = with_answers(usual, before, after)
    table = run.findings.answers
    assert table is not None
    assert (table.outcome, said in table.sentence) == (outcome, True)
    for name in ("report.html", "summary.md", "junit.xml"):
        assert said[1:] in run.undrawn[name], name  # a sentence begins with a capital
    assert said in " ".join(run.text(200).split())


def test_junit_has_a_case_for_the_answers(wrong: Run, right: Run, usual: Run) -> None:
    cases = {}
    for name, run in (("wrong", wrong), ("right", right), ("usual", usual)):
        suite = ET.fromstring(run.undrawn["junit.xml"])  # noqa: S314 - our own
        found = suite.findall(".//testcase[@name='responses identical']")
        cases[name] = [case.find("failure") is not None for case in found]
        tags = [child.tag for case in suite.iter("testcase") for child in case]
        assert suite.get("failures") == str(tags.count("failure"))
        assert suite.get("tests") == str(len(suite.findall(".//testcase")))
    assert cases == {"wrong": [True], "right": [False], "usual": []}


def test_the_page_shows_what_differs_and_escapes_it(wrong: Run) -> None:
    page = wrong.report
    section = page[page.index("<h2>Response comparison</h2>") : page.index("<h2>Caveats</h2>")]
    assert "$.title" in section
    assert "&#34;Hauser | &lt;b&gt;&#34;" in section
    assert "<b>" not in section
    assert "before failed" in section


def test_the_record_counts_every_kind(wrong: Run, usual: Run) -> None:
    record = json.loads(wrong.undrawn["verdict.json"])["answers"]
    counts = {name: record[name] for name in ("wanted", "asked", "equal", "different", "before_failed", "both_failed")}
    assert counts == {"wanted": 9, "asked": 8, "equal": 4, "different": 3, "before_failed": 1, "both_failed": 0}
    assert record["parting"] == {"n": 9, "before": "GET /content/9?limit=3", "after": "GET /content/8"}
    assert json.loads(usual.undrawn["verdict.json"])["answers"] is None
