"""The response comparison: its sentence, the counts by endpoint, and the first differences."""

from collections.abc import Iterator
from typing import NamedTuple

from harness.analysis.answers import (
    AnswerOutcome,
    DifferingRequest,
    EndpointAnswers,
    FirstDifferentRequest,
    ResponseAgreement,
    no_answers_finding,
)
from harness.record.outcome import Outcome
from harness.verdict.judge import Verdict
from reports import formatting

NAMED = 3
ADVICE = {
    AnswerOutcome.REQUESTS_DIFFER: (
        "derive all random choices of the users from HARNESS_SEED, or list endpoints with random ids in answers.varying"
    ),
    AnswerOutcome.SHORT: "lower answers.requests, or find out why the users stop",
}


class DifferenceRow(NamedTuple):
    """One place where a response differs; the rows of a request are adjacent, ``note`` is in the first of them."""

    n: str
    request: str
    where: str
    before: str
    after: str
    note: str

    @property
    def sentence(self) -> str:
        note = f" ({self.note})" if self.note else ""
        return f"request {self.n}, {self.request}: {self.where} {self.before} {formatting.ARROW} {self.after}{note}"


class AnswerTable(NamedTuple):
    """The section; ``more`` counts the differences that are not shown."""

    outcome: str
    mark: str
    sentence: str
    advice: str
    places: tuple[EndpointAnswers, ...]
    differences: tuple[DifferenceRow, ...]
    more: str


def answer_table(verdict: Verdict) -> AnswerTable | None:
    """``None`` when the plan does not compare responses."""
    agreement, outcome = verdict.agreement, verdict.answers
    if agreement is None or outcome is None:
        return None
    hidden = agreement.total.different + agreement.total.before_failed - len(agreement.differences)
    return AnswerTable(
        outcome=outcome.value,
        mark=formatting.MARKS[outcome],
        sentence=answer_sentence(agreement),
        advice=ADVICE.get(agreement.outcome, ""),
        places=agreement.places,
        differences=tuple(row for difference in agreement.differences for row in _rows(difference)),
        more=f"{formatting.plural(hidden, 'more request')} not shown" if hidden else "",
    )


def with_answers(verdict: Verdict, sentence: str) -> str:
    """The sentence about the targets, and the response comparison; a failed comparison comes first."""
    if verdict.agreement is None:
        return sentence
    compared = _in_short(verdict.agreement)
    if verdict.answers is Outcome.PASS:
        return f"{sentence.removesuffix('.')}; {compared}."
    return f"{compared}; {sentence}"


def answer_tally(verdict: Verdict) -> str:
    """The suffix of the tally of targets: ``, responses identical``."""
    if verdict.agreement is None:
        return ""
    if verdict.answers is Outcome.PASS:
        return ", responses identical"
    if verdict.answers is Outcome.FAIL:
        return f", {_differ(verdict.agreement.total.different)}"
    return ", response comparison incomplete"


def answer_sentence(agreement: ResponseAgreement) -> str:
    """The result of the comparison, without a full stop."""
    sentence = _in_short(agreement)
    if agreement.outcome is AnswerOutcome.DIFFERENT and agreement.parting:
        return f"{sentence}; {_parted(agreement.parting)}"
    return sentence


def _differ(count: int) -> str:
    return "1 response differs" if count == 1 else f"{formatting.count(count)} responses differ"


def _in_short(agreement: ResponseAgreement) -> str:
    asked, wanted = formatting.count(agreement.total.asked), formatting.count(agreement.wanted)
    match agreement.outcome:
        case AnswerOutcome.MISSING | AnswerOutcome.NOTHING:
            return no_answers_finding(agreement).seen
        case AnswerOutcome.DIFFERENT:
            different = [place for place in agreement.places if place.different]
            named = [f"{formatting.plain(p.endpoint)} ({formatting.count(p.different)})" for p in different]
            return f"{_differ(agreement.total.different)} (of {asked}): {formatting.first_of(named, NAMED)}"
        case AnswerOutcome.REQUESTS_DIFFER:
            parted = f"; {_parted(agreement.parting)}" if agreement.parting else ""
            return f"responses compared for only {asked} of {wanted} requests{parted}"
        case AnswerOutcome.SHORT:
            return f"the users made only {asked} of the {wanted} requests to compare"
        case _:
            identical = formatting.count(min(agreement.total.asked, agreement.total.equal))
            return f"responses identical ({identical} of {asked})"


def _parted(parting: FirstDifferentRequest) -> str:
    request = f"request {formatting.count(parting.n)} was not the same in both arms"
    if parting.before == parting.after and parting.before:
        return f"{request}: {formatting.plain(parting.before)} with different bodies"
    before, after = (formatting.plain(text) if text else "none" for text in (parting.before, parting.after))
    return f"{request}: before {before}, after {after}"


def _rows(difference: DifferingRequest) -> Iterator[DifferenceRow]:
    request = formatting.plain(f"{difference.endpoint.partition(' ')[0]} {difference.path}")
    note = "before failed" if difference.failed else ""
    for one in difference.divergences:
        where, before, after = map(formatting.plain, (one.where, one.before, one.after))
        yield DifferenceRow(formatting.count(difference.n), request, where, before, after, note)
        note = ""
