"""Targets: a row for each, the headline and the tally of the verdict, the scope of the run, its caveats."""

from collections.abc import Iterator
from typing import NamedTuple

from harness.analysis.comparison import Comparison, Pair
from harness.analysis.summary import Summary
from harness.finding import Finding
from harness.metrics import HEADLINES, METRICS, Basis, Metric, Origin
from harness.plan.expectation import Form
from harness.plan.model import ARMS, Plan
from harness.record.outcome import Outcome
from harness.verdict.caveats import SEQUENTIAL
from harness.verdict.judge import Verdict
from harness.verdict.targets import Check, Reason, unbounded_reason
from reports import formatting, naming
from reports.formatting import FormattedValue
from reports.sections.answers import answer_tally, with_answers
from reports.sections.noise import reason_of

NAMED_IN_HEADLINE = 3
SAMPLES = {
    Basis.REQUESTS: "request",
    Basis.SUCCESSES: "successful request",
    Basis.LOOKUPS: "cache lookup",
    Basis.HITS: "cache hit",
    Basis.MISSES: "cache miss",
}


class Remark(NamedTuple):
    """A caveat or broken guard with its remedy; ``about`` are the numbers of its targets, empty for the whole run."""

    kind: str
    what: str
    advice: str
    about: tuple[int, ...] = ()


class TargetRow(NamedTuple):
    """One judged target; ``number`` counts from 1, ``absolute`` targets are judged on ``after_interval``."""

    number: int
    expect: str
    where: str
    narrowed: str
    claim: str
    advisory: bool
    outcome: str
    mark: str
    before: FormattedValue
    after: FormattedValue
    after_interval: str
    change: FormattedValue
    interval: FormattedValue
    reason: str
    absolute: bool
    remarks: tuple[Remark, ...]


def remark(finding: Finding, *about: int) -> Remark:
    """A finding about some targets, by their numbers, or about the whole run."""
    return Remark(finding.code, finding.seen, finding.advice, about)


def target_rows(verdict: Verdict) -> tuple[TargetRow, ...]:
    """The checks of a verdict, in the order of the plan."""
    return tuple(target_row(index, check) for index, check in enumerate(verdict.checks, start=1))


def target_row(index: int, check: Check) -> TargetRow:
    """One check as strings, with its number."""
    pair = check.pair
    before, after = _values(check)
    change, change_interval = change_cells(pair, too_few=check.reason is Reason.TOO_FEW)
    interval = pair.after_interval if pair and after.why == "" else None
    return TargetRow(
        number=index,
        expect=formatting.plain(check.target.expect.strip()),
        where=naming.where(check.target),
        narrowed=naming.narrowed(check.target),
        claim=formatting.plain(check.target.claim or ""),
        advisory=not check.target.required,
        outcome=check.outcome.value,
        mark=formatting.MARKS[check.outcome],
        before=before,
        after=after,
        after_interval=formatting.value_interval(pair.metric, interval) if pair and interval else "",
        change=change,
        interval=change_interval,
        reason=reason_of(check),
        absolute=check.target.expectation.form is Form.ABSOLUTE,
        remarks=tuple(remark(caveat, index) for caveat in check.caveats),
    )


def _values(check: Check) -> tuple[FormattedValue, FormattedValue]:
    pair = check.pair
    unknown = formatting.missing(Reason.NO_DATA.value)
    if pair is None:
        return unknown, unknown
    if check.reason is Reason.TOO_FEW:
        few = FormattedValue("too few", too_few(pair.metric), faint=True)
        return few, few
    before, after = map(FormattedValue, formatting.levels(pair))
    return unknown if pair.before is None else before, unknown if pair.after is None else after


def too_few(metric: Metric) -> str:
    """Why a percentile is not shown."""
    return f"{metric.label} needs {formatting.plural(metric.min_samples, SAMPLES[metric.basis])} in every leg"


def change_cells(pair: Pair | None, *, too_few: bool = False) -> tuple[FormattedValue, FormattedValue]:
    """The change of a pair and its interval, or why there is none."""
    if pair is None or pair.change is None or too_few:
        none = formatting.missing(_why_no_change(pair, too_few=too_few))
        return none, none
    interval = formatting.value_or(formatting.change_interval(pair.change), str, Reason.NO_INTERVAL.value)
    return FormattedValue(formatting.change_with_unit(pair.change)), interval


def _why_no_change(pair: Pair | None, *, too_few: bool) -> str:
    if pair is None or (pair.before is None and pair.after is None):
        return Reason.NO_DATA.value
    if too_few:
        return Reason.TOO_FEW.value
    if pair.before is None or pair.after is None:
        return "measured in one arm only"
    if pair.metric.origin in {Origin.MIGRATION_UNDER_LOAD, Origin.MIGRATION}:
        return "measured once: no change over blocks"
    if any(block.before_at_least for block in pair.blocks):
        return unbounded_reason(pair).value
    zero = any(block.before <= 0 or block.after <= 0 for block in pair.blocks)
    return Reason.NO_RATIO.value if zero else "not measured in both legs of every block"


def headline(verdict: Verdict) -> str:
    """The verdict in one sentence, outcome first."""
    sentence = f"{_sentence(verdict).removesuffix('.')}{_missed_beside(verdict)}."
    if verdict.outcome is not Outcome.INVALID:
        sentence = with_answers(verdict, sentence)
    if SEQUENTIAL in verdict.caveats:
        sentence = f"{sentence.removesuffix('.')}; the run is sequential: before ran first, then after."
    return f"{verdict.outcome.value}: {sentence}"


def _missed_beside(verdict: Verdict) -> str:
    missed, total = sum(check.outcome is Outcome.FAIL for check in verdict.advisory), len(verdict.advisory)
    if not missed or verdict.outcome is Outcome.INVALID:
        return ""
    return f"; {formatting.count(missed)} of {formatting.plural(total, 'advisory target')} missed"


def _sentence(verdict: Verdict) -> str:
    total = len(verdict.required)
    if verdict.outcome is Outcome.INVALID:
        causes = "; ".join(breach.seen for breach in verdict.breaches)
        return f"the measurement broke: {causes or 'a guard is broken'}."
    if verdict.aborts:
        return f"the run was aborted: {'; '.join(stop.summary for stop in verdict.aborts)}."
    if not total:
        return f"nothing to judge: the plan has {'only advisory' if verdict.checks else 'no'} targets."
    of = f"of {formatting.plural(total, 'target')}"
    failed, undecided = verdict.count(Outcome.FAIL), verdict.count(Outcome.INCONCLUSIVE)
    if verdict.count(Outcome.PASS) == total:
        return f"{formatting.count(total)} {of} met."
    if not failed:
        return f"{formatting.count(undecided)} {of} inconclusive: {_named(verdict, Outcome.INCONCLUSIVE)}."
    rest = f"; {formatting.count(undecided)} more inconclusive" if undecided else ""
    return f"{formatting.count(failed)} {of} missed: {_named(verdict, Outcome.FAIL)}{rest}."


def _named(verdict: Verdict, outcome: Outcome) -> str:
    names = [naming.target_name(check.target) for check in verdict.required if check.outcome is outcome]
    return formatting.first_of(names, NAMED_IN_HEADLINE, "; ")


def tally(verdict: Verdict) -> str:
    """The short form of the verdict: ``6 of 6 targets met``."""
    if verdict.outcome is Outcome.INVALID:
        return "the measurement broke"
    if verdict.aborts:
        return "the run was aborted"
    total, beside = len(verdict.required), len(verdict.advisory)
    if not total:
        none = "only advisory targets to judge" if beside else "no targets to judge"
        return f"{none}{answer_tally(verdict)}"
    met = f"{formatting.count(verdict.count(Outcome.PASS))} of {formatting.plural(total, 'target')} met"
    held = sum(check.outcome is Outcome.PASS for check in verdict.advisory)
    advisory = f", {formatting.count(held)} of {formatting.count(beside)} advisory" if beside else ""
    return f"{met}{advisory}{answer_tally(verdict)}"


def scope(plan: Plan, summary: Summary, comparison: Comparison) -> str:
    """The size of the run: ``profile quick, 4 interleaved blocks of 3 arms, 21,480 requests``."""
    requests = sum(leg.requests for leg in summary.legs)
    kind = "interleaved block" if comparison.blocks > 1 else "block"
    arms = len({leg.leg.arm for leg in summary.legs})
    blocks = formatting.plural(comparison.blocks, kind) + (f" of {arms} arms" if arms > len(ARMS) else "")
    if comparison.sequential:
        blocks = f"{formatting.plural(comparison.blocks, 'sequential, unpaired leg')} of each arm"
    profile = f"profile {formatting.plain(plan.profile)}, " if plan.profile else ""
    return f"{profile}{blocks}, {formatting.plural(requests, 'request')}{_processes(summary)}"


def _processes(summary: Summary) -> str:
    processes = max((leg.processes for leg in summary.legs), default=1)
    hosts = max((leg.hosts for leg in summary.legs), default=1)
    where = f" on {formatting.plural(hosts, 'host')}" if hosts > 1 else ""
    return f", load from {formatting.count(processes)} processes{where}" if processes > 1 else ""


def finding(summary: Summary, comparison: Comparison) -> str:
    """P95 and errors of all requests; empty where these have too few samples."""
    pair = next((p for name in HEADLINES if (p := _enough(comparison, name)) and p.change), None)
    if pair is None or pair.before is None or pair.after is None or pair.change is None:
        return ""
    interval = formatting.change_interval(pair.change)
    notes = [f"95 % interval {interval}"] if interval else []
    notes += ["sequential, unpaired"] if comparison.sequential else []
    change = formatting.change_with_unit(pair.change) + (f" ({'; '.join(notes)})" if notes else "")
    if interval and pair.change.worst is not None:
        change += f", worst block {formatting.change_with_unit(pair.change, pair.change.worst)}"
    values = f" {formatting.ARROW} ".join(formatting.levels(pair))
    return f"{pair.metric.label} of all requests {values}, {change}; {_errors(summary)}."


def _enough(comparison: Comparison, name: str) -> Pair | None:
    pair = comparison.pair(name, None, None)
    return pair if pair and pair.least_requests >= METRICS[name].min_samples else None


def _errors(summary: Summary) -> str:
    rows = [row for arm in ("before", "after") if (row := summary.row(arm, None, None, None))]
    if not any(row.failures for row in rows):
        return f"no errors in {formatting.plural(sum(row.requests for row in rows), 'measured request')}"
    shares = (f"{formatting.count(row.failures)} of {formatting.count(row.requests)} {row.arm}" for row in rows)
    return f"errors {' and '.join(shares)}"


def remarks(verdict: Verdict) -> Iterator[Remark]:
    """Caveats of the run, then those of its checks, each once with its targets."""
    yield from map(remark, verdict.caveats)
    for caveat in dict.fromkeys(caveat for check in verdict.checks for caveat in check.caveats):
        yield remark(caveat, *(i for i, check in enumerate(verdict.checks, start=1) if caveat in check.caveats))
