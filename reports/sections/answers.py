"""Answers: whether after still answers what before answered, and the first places where it does not."""

from dataclasses import dataclass

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
        "let users choose by HARNESS_SEED alone, or name what carries ids of the service's own in answers.varying"
    ),
    AnswerOutcome.SHORT: "lower answers.requests, or see why the users stop",
}


@dataclass(frozen=True, slots=True)
class PlaceRow:
    """How the requests of one endpoint were answered; ``failed`` are those that before did not answer."""

    endpoint: str
    asked: str
    equal: str
    different: str
    failed: str


@dataclass(frozen=True, slots=True)
class DifferenceRow:
    """One place in which one answer differs; those of one request follow each other, ``note`` stands at the first."""

    n: str
    request: str
    where: str
    before: str
    after: str
    note: str

    @property
    def sentence(self) -> str:
        """The row in one line, for a terminal."""
        note = f" ({self.note})" if self.note else ""
        return f"request {self.n}, {self.request}: {self.where} {self.before} \N{RIGHTWARDS ARROW} {self.after}{note}"


@dataclass(frozen=True, slots=True)
class AnswerTable:
    """What the comparison of answers came to; ``more`` says how many differences are not shown."""

    outcome: str
    mark: str
    sentence: str
    advice: str
    places: tuple[PlaceRow, ...]
    differences: tuple[DifferenceRow, ...]
    more: str


def answer_table(verdict: Verdict) -> AnswerTable | None:
    """The answers in strings; ``None`` when the plan does not compare them."""
    agreement, outcome = verdict.agreement, verdict.answers
    if agreement is None or outcome is None:
        return None
    shown = len(agreement.differences)
    hidden = agreement.different + agreement.before_failed - shown
    return AnswerTable(
        outcome=outcome.value,
        mark=formatting.MARKS[outcome],
        sentence=answer_sentence(agreement),
        advice=ADVICE.get(agreement.outcome, ""),
        places=tuple(map(_place, agreement.places)),
        differences=tuple(row for difference in agreement.differences for row in _rows(difference)),
        more=f"{formatting.plural(hidden, 'more request')} not shown" if hidden else "",
    )


def with_answers(verdict: Verdict, sentence: str) -> str:
    """A sentence about the targets with what the answers add to it: what does not hold comes first."""
    if verdict.agreement is None:
        return sentence
    said = _in_short(verdict.agreement)
    if verdict.answers is Outcome.PASS:
        return f"{sentence.removesuffix('.')}; {said}."
    return f"{said}; {sentence}"


def answer_tally(verdict: Verdict) -> str:
    """What a tally of targets adds about the answers, in a few words."""
    if verdict.agreement is None:
        return ""
    different = formatting.plural(verdict.agreement.different, "answer")
    said = {Outcome.PASS: "answers the same", Outcome.FAIL: f"{different} differ{'s' * (different == '1 answer')}"}
    return f", {said.get(verdict.answers or Outcome.INVALID, 'answers not compared to the end')}"


def answer_sentence(agreement: ResponseAgreement) -> str:
    """What the comparison came to, without a full stop."""
    said = _in_short(agreement)
    if agreement.outcome is AnswerOutcome.DIFFERENT and agreement.parting:
        return f"{said}; {_parted(agreement.parting)}"
    return said


def _in_short(agreement: ResponseAgreement) -> str:
    """The same without what follows from a difference: that the users were led elsewhere by it."""
    asked, outcome = formatting.count(agreement.asked), agreement.outcome
    if outcome in {AnswerOutcome.MISSING, AnswerOutcome.NOTHING}:
        return no_answers_finding(agreement).seen
    parted = _parted(agreement.parting) if agreement.parting else ""
    if outcome is AnswerOutcome.DIFFERENT:
        named = [
            f"{formatting.plain(p.endpoint)} ({formatting.count(p.different)})" for p in agreement.places if p.different
        ]
        listed = ", ".join(named[:NAMED]) + (
            f" and {formatting.count(len(named) - NAMED)} more" if named[NAMED:] else ""
        )
        return (
            f"after answers {formatting.count(agreement.different)} of {asked} requests otherwise than before: {listed}"
        )
    if outcome is AnswerOutcome.REQUESTS_DIFFER:
        return (
            f"the answers could be compared for {asked} of "
            f"{formatting.plural(agreement.wanted, 'request')} only, {parted}"
        )
    if outcome is AnswerOutcome.SHORT:
        return (
            f"the users made only {asked} of the {formatting.plural(agreement.wanted, 'request')} "
            f"whose answers to compare"
        )
    compared = min(agreement.asked, agreement.equal)
    of = f" of {asked}" if compared < agreement.asked else ""
    return f"after answers {formatting.count(compared)}{of} requests as before does"


def _parted(parting: FirstDifferentRequest) -> str:
    if parting.before == parting.after and parting.before:
        what = formatting.plain(parting.before)
        return f"at request {formatting.count(parting.n)} the arms were asked {what} with different bodies"
    asked = {"before": parting.before, "after": parting.after}
    said = (f"{arm} was asked {formatting.plain(text) if text else 'nothing'}" for arm, text in asked.items())
    return f"at request {formatting.count(parting.n)} the arms were not asked the same: {', '.join(said)}"


def _place(place: EndpointAnswers) -> PlaceRow:
    return PlaceRow(
        endpoint=formatting.plain(place.endpoint),
        asked=formatting.count(place.asked),
        equal=formatting.count(place.equal),
        different=formatting.count(place.different),
        failed=formatting.count(place.before_failed + place.both_failed),
    )


def _rows(difference: DifferingRequest) -> list[DifferenceRow]:
    request = formatting.plain(f"{difference.endpoint.partition(' ')[0]} {difference.path}")
    note = "before failed" if difference.failed else ""
    return [
        DifferenceRow(
            n=formatting.count(difference.n),
            request=request,
            where=formatting.plain(one.where),
            before=formatting.plain(one.before),
            after=formatting.plain(one.after),
            note="" if index else note,
        )
        for index, one in enumerate(difference.divergences)
    ]
