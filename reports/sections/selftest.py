"""Certificate: what a selftest of this machine said, as facts of the setup, as one sentence, and for a terminal."""

from collections.abc import Iterator
from dataclasses import dataclass

from harness.record.outcome import Outcome
from harness.record.selftest import ALLOWED_RISE, Certificate, Fitness
from harness.statistics.proportions import wilson
from reports import formatting
from reports.terminal import to_ascii

MARKS = {
    Fitness.FIT: formatting.MARKS[Outcome.PASS],
    Fitness.INCONCLUSIVE: formatting.MARKS[Outcome.INCONCLUSIVE],
    Fitness.BROKEN: formatting.MARKS[Outcome.FAIL],
}
HEADLINES = {
    Fitness.FIT: "this machine is fit to measure on",
    Fitness.INCONCLUSIVE: "this machine cannot tell well enough: it is too busy, too noisy, or was asked too little",
    Fitness.BROKEN: "the measurement is broken on this machine: believe no verdict that comes from it",
}
ADVICE = {
    Fitness.FIT: "",
    Fitness.INCONCLUSIVE: "end what else runs here and try again; or measure longer, with more blocks",
    Fitness.BROKEN: "look at the runs of the trials that are marked",
}


@dataclass(frozen=True, slots=True)
class CertificateRow:
    """One trial: how it went, what it was, and what it came to."""

    mark: str
    what: str
    text: str


def certificate_rows(certificate: Certificate) -> tuple[CertificateRow, ...]:
    """A row for each trial."""
    return tuple(CertificateRow(MARKS[fitness], what, text) for fitness, what, text in _trials(certificate))


def certificate_facts(certificate: Certificate | None) -> tuple[tuple[str, str], ...]:
    """What was certified, for the setup of a report; nothing without a certificate."""
    if certificate is None:
        return ()
    rows = [(row.what, f"{row.mark} {row.text}") for row in certificate_rows(certificate)]
    return (("found", HEADLINES[certificate.fitness]), ("when", _when(certificate)), *rows)


def certificate_sentence(certificate: Certificate | None) -> str:
    """All of it in one line; empty without a certificate."""
    if certificate is None:
        return ""
    trials = "; ".join(f"{what}: {text}" for _, what, text in _trials(certificate))
    return f"{HEADLINES[certificate.fitness]} ({_when(certificate)}). {trials[0].upper()}{trials[1:]}."


def certificate_text(certificate: Certificate, took_seconds: float, *, ascii_only: bool = False) -> str:
    """All of it for a terminal, without a trailing newline."""
    rows = certificate_rows(certificate)
    wide = max(len(row.what) for row in rows)
    mark = MARKS[certificate.fitness]
    took = formatting.duration(took_seconds)
    lines = [f"{mark} {HEADLINES[certificate.fitness]}", f"  {_when(certificate)}, took {took}"]
    lines += [f"  {row.mark}  {row.what:{wide}}  {row.text}" for row in rows]
    if advice := ADVICE[certificate.fitness]:
        lines.append(f"  {advice}")
    text = "\n".join(lines)
    return to_ascii(text) if ascii_only else text


def selftest_begins(suites: int, power_suites: int, blocks: int, seconds: float) -> str:
    """What is about to be done, and how long it takes."""
    equal = f"{formatting.plural(suites, 'suite')} of equal arms and {power_suites} with more work"
    return f"{equal}, {blocks} blocks each; a delay, a freeze and a kill: about {formatting.duration(seconds)}"


def _when(certificate: Certificate) -> str:
    version = formatting.plain(certificate.version)
    return f"{formatting.moment(certificate.date)}, harness {version}, seed {certificate.seed}"


def _trials(certificate: Certificate) -> Iterator[tuple[Fitness, str, str]]:
    equal, power, delay, freeze = certificate.equal, certificate.power, certificate.delay, certificate.freeze
    gate = f"p95 rises by at most {formatting.tidy(ALLOWED_RISE * 100)} %"
    suites = (
        f"{formatting.count(equal.failed)} of {formatting.plural(equal.suites, 'suite')} of {certificate.blocks} blocks"
    )
    failed = f'{suites} failed "{gate}"{_interval(equal.failed, equal.suites)}'
    yield equal.gate, "equal arms", failed + _invalid(certificate, equal.invalid)
    held = f'{equal.held} of {formatting.count(equal.suites)} hold "no change"{_interval(equal.held, equal.suites)}'
    yield equal.coverage, "95 % intervals", held
    more = f"{formatting.tidy(power.more * 100)} % more work"
    found = (
        f"found in {power.found} of {formatting.plural(power.suites, 'suite')}{_interval(power.found, power.suites)}"
    )
    yield power.fitness, more, found + _invalid(certificate, power.invalid)
    yield delay.fitness, "known delay", _delay(certificate)
    error = f"{formatting.in_percent(freeze.error, sign=True)} %"
    expected = f"{formatting.milliseconds(freeze.expected_ms)} by arithmetic"
    stopped = f"stopped for {formatting.number(freeze.seconds)} s{_broke(valid=freeze.valid)}"
    yield freeze.fitness, "freeze", f"P95 off by {error} of the {expected}, {stopped}"
    named = "named" if certificate.kill.named else "not named"
    yield (
        certificate.kill.fitness,
        "killed generator process",
        f"{named}, the run is {formatting.plain(certificate.kill.outcome)}",
    )


def _delay(certificate: Certificate) -> str:
    delay = certificate.delay
    errors = [
        f"{name} off by {formatting.signed(error)} ms of {formatting.number(waited)}"
        for name, error, waited in (
            ("P50", delay.p50_error_ms, delay.waited_p50_ms),
            ("P95", delay.p95_error_ms, delay.waited_p95_ms),
        )
    ]
    lost = delay.answered - delay.requests
    more = "answers were not measured" if lost > 0 else "measured were not answered"
    missing = f"; {formatting.count(abs(lost))} {more}" if lost else ""
    return f"{', '.join(errors)}{missing}{_broke(valid=delay.valid)}"


def _broke(*, valid: bool) -> str:
    return "" if valid else "; a guard broke"


def _interval(count: int, n: int) -> str:
    """The 95 % interval of a share, in brackets; nothing where there is no share."""
    interval = wilson(count, n)
    if interval is None:
        return ""
    low, high = (formatting.in_percent(bound) for bound in (interval.low, interval.high))
    return f" (95 % interval {low} {formatting.ELLIPSIS} {high} %)"


def _invalid(certificate: Certificate, count: int) -> str:
    if not count:
        return ""
    return f"; {count} more INVALID ({formatting.plain(', '.join(certificate.guards))})"
