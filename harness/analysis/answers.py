"""Response comparison: whether both arms answer the corpus identically, request by request.

Requests are matched by their position in the corpus. From the first position where the arms got different requests,
because an earlier response led users elsewhere, nothing can be compared.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from harness.analysis.answer_differences import ABSENT, AnswerDifference, cut, differences_between
from harness.finding import Finding
from harness.plan.answers import Corpus
from harness.record.answers import Answer, RecordedAnswers

MAX_SHOWN = 10


class AnswerOutcome(Enum):
    """The result of the comparison, as the report shows it."""

    SAME = "responses identical"
    DIFFERENT = "responses differ"
    REQUESTS_DIFFER = "the arms got different requests"
    SHORT = "users made fewer requests than the plan wants"
    NOTHING = "no request was answered by both arms"
    MISSING = "the responses of an arm are missing"


class AnswerPairing(Enum):
    """The responses of both arms to one request."""

    EQUAL = "equal"
    DIFFERENT = "different"
    BEFORE_FAILED = "before failed"
    BOTH_FAILED = "both failed"


@dataclass(frozen=True, slots=True)
class DifferingRequest:
    """A request with different responses, and the first differences.

    ``failed``: before failed and after answered, which is listed and not held against after.
    """

    n: int
    endpoint: str
    path: str
    divergences: tuple[AnswerDifference, ...]
    failed: bool = False


@dataclass(frozen=True, slots=True)
class FirstDifferentRequest:
    """The first position with different requests; ``None`` for an arm without further requests."""

    n: int
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class EndpointAnswers:
    """Counts of response pairs of one endpoint."""

    endpoint: str
    equal: int
    different: int  # after answered differently, or failed to answer
    before_failed: int  # before failed and after answered
    both_failed: int

    @property
    def asked(self) -> int:
        return self.equal + self.different + self.before_failed + self.both_failed


@dataclass(frozen=True, slots=True)
class ResponseAgreement:
    """The response comparison; ``missing`` names the arms without recorded responses."""

    wanted: int
    places: tuple[EndpointAnswers, ...] = ()
    differences: tuple[DifferingRequest, ...] = ()
    parting: FirstDifferentRequest | None = None
    missing: tuple[str, ...] = ()
    user_errors: int = 0

    @property
    def total(self) -> EndpointAnswers:
        """The requests of all endpoints with responses of both arms."""
        counts = [(one.equal, one.different, one.before_failed, one.both_failed) for one in self.places]
        return EndpointAnswers("", *map(sum, zip(*counts, strict=True))) if counts else EndpointAnswers("", 0, 0, 0, 0)

    @property
    def outcome(self) -> AnswerOutcome:
        """The first that applies: a difference outranks an incomplete comparison."""
        if self.missing:
            return AnswerOutcome.MISSING
        if self.total.different:
            return AnswerOutcome.DIFFERENT
        if self.parting:
            return AnswerOutcome.REQUESTS_DIFFER
        if not self.total.equal:
            return AnswerOutcome.NOTHING
        return AnswerOutcome.SHORT if self.total.asked < self.wanted else AnswerOutcome.SAME


def compare_answers(before: RecordedAnswers | None, after: RecordedAnswers | None, corpus: Corpus) -> ResponseAgreement:
    """Compare the responses of both arms to the corpus."""
    if before is None or after is None:
        missing = [name for name, answers in (("before", before), ("after", after)) if answers is None]
        return ResponseAgreement(corpus.requests, missing=tuple(missing))
    wanted = max(corpus.requests, before.wanted, after.wanted)
    parting = _parting(before.answers, after.answers, corpus)
    known = parting.n - 1 if parting else len(before.answers)
    pairs = list(zip(before.answers[:known], after.answers[:known], strict=True))
    return ResponseAgreement(
        wanted,
        places=tuple(_places(pairs)),
        differences=tuple(_differences(pairs, corpus)),
        parting=parting,
        user_errors=before.user_errors + after.user_errors,
    )


def no_answer_findings(agreement: ResponseAgreement | None) -> list[Finding]:
    """The broken guard of a plan that compares responses and has none of an arm."""
    broken = agreement is not None and agreement.outcome in {AnswerOutcome.MISSING, AnswerOutcome.NOTHING}
    return [no_answers_finding(agreement)] if agreement and broken else []


def no_answers_finding(agreement: ResponseAgreement) -> Finding:
    """The broken guard that names the reason."""
    if missing := agreement.missing:
        seen, advice = f"the answers of {' and '.join(missing)} are missing", "run the plan again to its end"
    elif not agreement.total.asked:
        seen = "no request was made to compare answers"
        advice = "check the user files of [answers]: do they send anything?"
    else:
        seen = f"before answered none of the {agreement.total.asked:,} requests whose answers were to be compared"
        advice = "read logs/00-before.*: does the service of before work with these users?"
    return Finding("NO_ANSWERS", seen, advice)


def uncompared_findings(agreement: ResponseAgreement, endpoints: Iterable[str]) -> Iterator[Finding]:
    """Caveats about endpoints under load without a response comparison, and about requests that before failed."""
    if agreement.missing:
        return
    compared = {place.endpoint for place in agreement.places if place.equal or place.different}
    if left := sorted({*endpoints} - compared):
        yield Finding(
            "ANSWERS_NOT_ASKED",
            f"requested under load, and their answers were not compared: {', '.join(left)}",
            "raise answers.requests, or give answers.users that request them",
        )
    counted = (
        (agreement.total.before_failed, "that after answers"),
        (agreement.total.both_failed, "that after does not answer either"),
    )
    if parts := [f"{count:,} request{'s' * (count > 1)} {what}" for count, what in counted if count]:
        yield Finding(
            "ANSWERS_FAILED_BEFORE",
            f"before failed to answer {' and '.join(parts)}: there is nothing to compare these with",
            "look at the differences, and see that before works with these users",
        )


def _parting(before: Sequence[Answer], after: Sequence[Answer], corpus: Corpus) -> FirstDifferentRequest | None:
    for n in range(1, max(len(before), len(after)) + 1):
        one, other = (answers[n - 1] if n <= len(answers) else None for answers in (before, after))
        if one is None or other is None or _request_of(one, corpus) != _request_of(other, corpus):
            return FirstDifferentRequest(n, _named(one), _named(other))
    return None


def _request_of(answer: Answer, corpus: Corpus) -> tuple[str, ...]:
    return (answer.endpoint,) if corpus.may_vary(answer.endpoint) else (answer.endpoint, answer.path, answer.asked)


def _named(answer: Answer | None) -> str | None:
    return f"{answer.endpoint.partition(' ')[0]} {answer.path}" if answer else None


def _pairing(before: Answer, after: Answer) -> AnswerPairing:
    if before.failed:
        return AnswerPairing.BOTH_FAILED if after.failed else AnswerPairing.BEFORE_FAILED
    same = (before.status, before.kind, before.digest) == (after.status, after.kind, after.digest)
    return AnswerPairing.EQUAL if same else AnswerPairing.DIFFERENT


def _places(pairs: Sequence[tuple[Answer, Answer]]) -> Iterator[EndpointAnswers]:
    counted = Counter((before.endpoint, _pairing(before, after)) for before, after in pairs)
    for endpoint in sorted({endpoint for endpoint, _ in counted}):
        yield EndpointAnswers(endpoint, *(counted[endpoint, pairing] for pairing in AnswerPairing))


def _differences(pairs: Sequence[tuple[Answer, Answer]], corpus: Corpus) -> Iterator[DifferingRequest]:
    """The first different responses, then the first that only before failed, at most ``MAX_SHOWN`` each."""
    for pairing in (AnswerPairing.DIFFERENT, AnswerPairing.BEFORE_FAILED):
        found = [pair for pair in pairs if _pairing(*pair) is pairing]
        for before, after in found[:MAX_SHOWN]:
            where = tuple(_divergences(before, after, corpus))
            yield DifferingRequest(
                before.n, before.endpoint, before.path, where, failed=pairing is AnswerPairing.BEFORE_FAILED
            )


def _divergences(before: Answer, after: Answer, corpus: Corpus) -> Iterator[AnswerDifference]:
    if before.status != after.status:
        yield AnswerDifference(
            "status", *(str(one.status) if one.status else one.error or ABSENT for one in (before, after))
        )
        if before.text or after.text:
            yield AnswerDifference("$", cut(before.text) or ABSENT, cut(after.text) or ABSENT)
        return
    if before.kind != after.kind:
        yield AnswerDifference("Content-Type", before.kind or ABSENT, after.kind or ABSENT)
    if before.digest == after.digest:
        return
    in_any_order = corpus.in_any_order(before.endpoint)
    found = differences_between(before.text, after.text, in_any_order=in_any_order)
    yield from found or (AnswerDifference("the rest", "is longer than what is kept", "and differs there"),)
