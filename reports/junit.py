"""The verdict as JUnit XML: a test case per target, one for the responses, one per abort.

JUnit knows only passed, failed, error and skipped, and most systems show "skipped" as harmless. So INCONCLUSIVE is a
failure, all cases of an INVALID run are errors, and only a missed advisory target is skipped.
"""

from typing import NamedTuple

from harness.record.outcome import Outcome
from reports.page import VerdictPage
from reports.sections.targets import TargetRow
from reports.templating import TEMPLATES

TAGS = {"failures": "failure", "errors": "error", "skipped": "skipped"}
"""Attributes of a suite, and the tag of the cases that they count."""
INVALID, PASS = Outcome.INVALID.value, Outcome.PASS.value


class Case(NamedTuple):
    """A test case; ``tag`` is ``error``, ``failure`` or ``skipped``, empty if it passed."""

    name: str
    tag: str
    kind: str
    message: str
    evidence: str


def to_junit(findings: VerdictPage) -> str:
    """``junit.xml``: test cases with their evidence, and the caveats of the run."""
    cases = [_target(findings, row) for row in findings.targets]
    if all(row.advisory for row in findings.targets):
        nothing = "The run has no required target."
        cases.append(Case("targets", "error", findings.outcome, findings.headline, nothing))
    if table := findings.answers:
        evidence = "\n".join((table.sentence, *(row.sentence for row in table.differences)))
        cases.append(_judged(findings, "responses identical", table.outcome, table.sentence, evidence))
    ended = "error" if findings.outcome == INVALID else "failure"
    cases += [Case("aborted", ended, findings.outcome, stop.what, stop.advice) for stop in findings.stops]
    tags = [case.tag for case in cases]
    remarks = (f"{r.what}; {r.advice}" for r in (*findings.breaches, *findings.stops, *findings.remarks))
    text = TEMPLATES.get_template("junit.xml.j2").render(
        findings=findings,
        cases=cases,
        counts={"tests": len(cases), **{name: tags.count(tag) for name, tag in TAGS.items()}},
        summary=(findings.headline, findings.finding, findings.scope, *remarks),
    )
    return f"{text}\n"


def _target(findings: VerdictPage, row: TargetRow) -> Case:
    name = f"{row.expect} ({row.narrowed})" if row.narrowed else row.expect
    return _judged(findings, name, row.outcome, row.reason, _evidence(row), advisory=row.advisory)


def _judged(
    findings: VerdictPage, name: str, outcome: str, message: str, evidence: str, *, advisory: bool = False
) -> Case:
    if findings.outcome == INVALID:
        return Case(name, "error", INVALID, findings.headline, evidence)
    tag = "" if outcome == PASS else "skipped" if advisory else "failure"
    return Case(name, tag, outcome, message, evidence)


def _evidence(row: TargetRow) -> str:
    after = f"{row.after.text} ({row.after_interval})" if row.after_interval else row.after.text
    lines = [f"{row.where}: before {row.before.text}, after {after}"]
    lines.append(f"change {row.change.text}, 95 % interval {row.interval.text}; {row.reason}")
    lines += [f"{remark.what}; {remark.advice}" for remark in row.remarks]
    return "\n".join(lines)
