"""The result of a selftest of this machine: for the setup of a report, as one sentence, and for a terminal."""

from collections.abc import Iterator

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
    Fitness.FIT: "this machine is fit for measurements",
    Fitness.INCONCLUSIVE: "inconclusive: this machine is too busy or too noisy, or the selftest was too short",
    Fitness.BROKEN: "the measurement is broken on this machine: do not trust its verdicts",
}
ADVICE = {
    Fitness.FIT: "",
    Fitness.INCONCLUSIVE: "end other programs and try again; or measure longer, with more blocks",
    Fitness.BROKEN: "read the runs of the marked trials",
}
BROKE = {True: "", False: "; a guard broke"}


def certificate_facts(certificate: Certificate | None) -> tuple[tuple[str, str], ...]:
    """Names and values for the setup of a report; empty without a certificate."""
    if certificate is None:
        return ()
    rows = [(trial, f"{MARKS[fitness]} {text}") for fitness, trial, text in _trials(certificate)]
    return (("result", HEADLINES[certificate.fitness]), ("when", _when(certificate)), *rows)


def certificate_sentence(certificate: Certificate | None) -> str:
    """The result in one line; empty without a certificate."""
    if certificate is None:
        return ""
    trials = "; ".join(f"{trial}: {text}" for _, trial, text in _trials(certificate))
    return f"{HEADLINES[certificate.fitness]} ({_when(certificate)}). {formatting.capitalised(trials)}."


def certificate_text(certificate: Certificate, took_seconds: float, *, ascii_only: bool = False) -> str:
    """The result for a terminal, without a trailing newline."""
    trials = list(_trials(certificate))
    wide = max(len(trial) for _, trial, _ in trials)
    headline = f"{MARKS[certificate.fitness]} {HEADLINES[certificate.fitness]}"
    lines = [headline, f"  {_when(certificate)}, took {formatting.duration(took_seconds)}"]
    lines += [f"  {MARKS[fitness]}  {trial:{wide}}  {text}" for fitness, trial, text in trials]
    if advice := ADVICE[certificate.fitness]:
        lines.append(f"  {advice}")
    text = "\n".join(lines)
    return to_ascii(text) if ascii_only else text


def selftest_begins(suites: int, power_suites: int, blocks: int, seconds: float) -> str:
    """What the selftest does, and how long it takes."""
    equal = f"{formatting.plural(suites, 'suite')} of A/A tests and {power_suites} with more work"
    return f"{equal}, {blocks} blocks each; a delay, a freeze and a kill: about {formatting.duration(seconds)}"


def _when(certificate: Certificate) -> str:
    version = formatting.plain(certificate.version)
    return f"{formatting.moment(certificate.date)}, harness {version}, seed {certificate.seed}"


def _trials(certificate: Certificate) -> Iterator[tuple[Fitness, str, str]]:
    equal, power, delay, freeze = certificate.equal, certificate.power, certificate.delay, certificate.freeze
    gate = f"p95 rises by at most {formatting.tidy(ALLOWED_RISE * 100)} %"
    suites = f"{formatting.plural(equal.suites, 'suite')} of {certificate.blocks} blocks"
    failed = f'{formatting.count(equal.failed)} of {suites} failed "{gate}"{_interval(equal.failed, equal.suites)}'
    yield equal.gate, "A/A tests", failed + _invalid(certificate, equal.invalid)
    held = f'{equal.held} of {formatting.count(equal.suites)} contain "no change"{_interval(equal.held, equal.suites)}'
    yield equal.coverage, "95 % intervals", held
    more = f"{formatting.tidy(power.more * 100)} % more work"
    found = f"{power.found} of {formatting.plural(power.suites, 'suite')}{_interval(power.found, power.suites)}"
    yield power.fitness, more, f"detected in {found}{_invalid(certificate, power.invalid)}"
    yield delay.fitness, "known delay", _delay(certificate)
    error = f"{formatting.in_percent(freeze.error, sign=True)} %"
    expected = f"{formatting.milliseconds(freeze.expected_ms)} by calculation"
    stopped = f"stopped for {formatting.number(freeze.seconds)} s{BROKE[freeze.valid]}"
    yield freeze.fitness, "freeze", f"P95 off by {error} of the {expected}, {stopped}"
    kill, named = certificate.kill, "reported" if certificate.kill.named else "not reported"
    yield kill.fitness, "killed generator process", f"{named}, the run is {formatting.plain(kill.outcome)}"


def _delay(certificate: Certificate) -> str:
    delay = certificate.delay
    p50 = f"P50 off by {formatting.signed(delay.p50_error_ms)} ms of {formatting.number(delay.waited_p50_ms)}"
    p95 = f"P95 off by {formatting.signed(delay.p95_error_ms)} ms of {formatting.number(delay.waited_p95_ms)}"
    lost = delay.answered - delay.requests
    more = "responses were not recorded" if lost > 0 else "recorded requests had no response"
    missing = f"; {formatting.count(abs(lost))} {more}" if lost else ""
    return f"{p50}, {p95}{missing}{BROKE[delay.valid]}"


def _interval(count: int, n: int) -> str:
    interval = wilson(count, n)
    if interval is None:
        return ""
    low, high = (formatting.in_percent(bound) for bound in (interval.low, interval.high))
    return f" (95 % interval {low} {formatting.ELLIPSIS} {high} %)"


def _invalid(certificate: Certificate, count: int) -> str:
    if not count:
        return ""
    return f"; {count} more INVALID ({formatting.plain(', '.join(certificate.guards))})"
