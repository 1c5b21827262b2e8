"""The response comparison, request by request."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from harness.analysis.answers import (
    MAX_SHOWN,
    AnswerOutcome,
    EndpointAnswers,
    ResponseAgreement,
    compare_answers,
    no_answer_findings,
    uncompared_findings,
)
from harness.plan.answers import Corpus
from harness.record.answers import Answer, RecordedAnswers, digest

Change = Callable[[Answer], Answer]


def answer(n: int, text: str = '{"title":"a"}', status: int = 200) -> Answer:
    return Answer(n, "GET /items/{id}", f"/items/{n}", "", status, "application/json", digest(text), text)


def recorded_answers(count: int = 5, changed: dict[int, Change] | None = None, *, wanted: int = 5) -> RecordedAnswers:
    changes = changed or {}
    answers = (answer(n) for n in range(1, count + 1))
    return RecordedAnswers(wanted, tuple(changes[one.n](one) if one.n in changes else one for one in answers))


def other(text: str) -> Change:
    return lambda one: replace(one, digest=digest(text), text=text)


def failing(one: Answer) -> Answer:
    return replace(one, status=503, text="busy", digest=digest("busy"))


def silent(one: Answer) -> Answer:
    return replace(one, status=0, text="", digest="", kind="", error="ConnectionRefusedError")


def elsewhere(one: Answer) -> Answer:
    return replace(one, path="/items/99")


def of(before: RecordedAnswers | None, after: RecordedAnswers | None, **corpus: object) -> ResponseAgreement:
    return compare_answers(before, after, Corpus.model_validate_json(json.dumps({"requests": 5, **corpus})))


@pytest.mark.parametrize(
    ("before", "after", "outcome", "counts"),
    [
        ({}, {}, AnswerOutcome.SAME, (5, 0, 0, 0)),
        ({}, {2: other("{}")}, AnswerOutcome.DIFFERENT, (4, 1, 0, 0)),
        ({}, {2: lambda one: replace(one, status=201)}, AnswerOutcome.DIFFERENT, (4, 1, 0, 0)),
        ({}, {2: lambda one: replace(one, kind="text/html")}, AnswerOutcome.DIFFERENT, (4, 1, 0, 0)),
        ({}, {2: failing}, AnswerOutcome.DIFFERENT, (4, 1, 0, 0)),
        ({}, {2: silent}, AnswerOutcome.DIFFERENT, (4, 1, 0, 0)),
        ({2: failing}, {}, AnswerOutcome.SAME, (4, 0, 1, 0)),
        ({2: silent}, {2: failing}, AnswerOutcome.SAME, (4, 0, 0, 1)),
        (dict.fromkeys(range(1, 6), failing), {}, AnswerOutcome.NOTHING, (0, 0, 5, 0)),
        (dict.fromkeys(range(1, 6), failing), dict.fromkeys(range(1, 6), failing), AnswerOutcome.NOTHING, (0, 0, 0, 5)),
        ({}, {4: elsewhere}, AnswerOutcome.REQUESTS_DIFFER, (3, 0, 0, 0)),
        ({}, {4: lambda one: replace(one, asked="another body")}, AnswerOutcome.REQUESTS_DIFFER, (3, 0, 0, 0)),
        ({}, {4: lambda one: replace(one, endpoint="GET /other")}, AnswerOutcome.REQUESTS_DIFFER, (3, 0, 0, 0)),
        ({}, {1: elsewhere}, AnswerOutcome.REQUESTS_DIFFER, (0, 0, 0, 0)),
        ({}, {2: other("{}"), 4: elsewhere}, AnswerOutcome.DIFFERENT, (2, 1, 0, 0)),
        ({}, {4: elsewhere, 5: other("{}")}, AnswerOutcome.REQUESTS_DIFFER, (3, 0, 0, 0)),
    ],
)
def test_what_it_comes_to(
    before: dict[int, Change], after: dict[int, Change], outcome: AnswerOutcome, counts: tuple[int, ...]
) -> None:
    found = of(recorded_answers(changed=before), recorded_answers(changed=after))
    assert found.outcome is outcome
    assert found.total == EndpointAnswers("", *counts)
    assert bool(no_answer_findings(found)) == (outcome in {AnswerOutcome.NOTHING, AnswerOutcome.MISSING})


@pytest.mark.parametrize(
    ("before", "after", "outcome"),
    [
        (None, recorded_answers(), AnswerOutcome.MISSING),
        (recorded_answers(), None, AnswerOutcome.MISSING),
        (None, None, AnswerOutcome.MISSING),
        (recorded_answers(0), recorded_answers(0), AnswerOutcome.NOTHING),
        (recorded_answers(0), recorded_answers(), AnswerOutcome.REQUESTS_DIFFER),
        (recorded_answers(4), recorded_answers(), AnswerOutcome.REQUESTS_DIFFER),
        (recorded_answers(4), recorded_answers(4), AnswerOutcome.SHORT),
    ],
)
def test_what_is_not_there_is_never_the_same(
    before: RecordedAnswers | None, after: RecordedAnswers | None, outcome: AnswerOutcome
) -> None:
    assert of(before, after).outcome is outcome


def test_what_may_vary_is_compared_all_the_same() -> None:
    after = recorded_answers(changed={4: elsewhere, 5: other("{}")})
    found = of(recorded_answers(), after, varying=["GET /items/{id}"])
    assert (found.outcome, found.total.equal, found.total.different) == (AnswerOutcome.DIFFERENT, 4, 1)
    assert of(recorded_answers(), after, varying=["*"]).total.different == 1
    assert of(recorded_answers(), after, varying=["GET /other"]).outcome is AnswerOutcome.REQUESTS_DIFFER


def test_a_difference_is_shown_where_it_is_and_what_before_failed_is_listed_apart() -> None:
    after = recorded_answers(
        changed={2: other('{"title":"b"}'), 3: failing, 5: lambda one: replace(one, kind="text/html")}
    )
    found = of(recorded_answers(changed={1: failing}), after)
    shown = [(d.n, d.failed, [(v.where, v.before, v.after) for v in d.divergences]) for d in found.differences]
    assert shown == [
        (2, False, [("$.title", '"a"', '"b"')]),
        (3, False, [("status", "200", "503"), ("$", '{"title":"a"}', "busy")]),
        (5, False, [("Content-Type", "application/json", "text/html")]),
        (1, True, [("status", "503", "200"), ("$", "busy", '{"title":"a"}')]),
    ]


def test_what_differs_beyond_what_was_kept_is_said_to() -> None:
    cut = [lambda one, tail=tail: replace(one, text="x", whole=False, digest=digest(tail)) for tail in "ab"]
    found = of(recorded_answers(changed={1: cut[0]}), recorded_answers(changed={1: cut[1]}))
    assert [d.where for d in found.differences[0].divergences] == ["the rest"]


def test_only_the_first_differences_are_kept_and_all_are_counted() -> None:
    count = MAX_SHOWN + 5
    found = of(
        recorded_answers(count), recorded_answers(count, {n: other("{}") for n in range(1, count + 1)}), requests=count
    )
    assert found.total.different == count
    assert [d.n for d in found.differences] == list(range(1, MAX_SHOWN + 1))


def test_what_a_comparison_leaves_open_is_a_doubt() -> None:
    found = of(recorded_answers(changed={1: failing}), recorded_answers())
    caveats = list(uncompared_findings(found, ["GET /items/{id}", "POST /items"]))
    assert [caveat.code for caveat in caveats] == ["ANSWERS_NOT_ASKED", "ANSWERS_FAILED_BEFORE"]
    assert caveats[0].seen.endswith(": POST /items")
    assert "1 request that after answers" in caveats[1].seen
    assert list(uncompared_findings(of(recorded_answers(), recorded_answers()), ["GET /items/{id}"])) == []


def test_an_endpoint_that_fails_in_both_arms_was_not_compared() -> None:
    failed = recorded_answers(changed=dict.fromkeys(range(1, 6), failing))
    first, _ = uncompared_findings(of(failed, failed), ["GET /items/{id}"])
    assert (first.code, first.seen.partition(": ")[2]) == ("ANSWERS_NOT_ASKED", "GET /items/{id}")
