"""JUnit: one test case per target, and one for the answers, for CI systems that show test results.

Only PASS may turn green there, and JUnit knows nothing between passed and failed but "skipped", which most systems show
as harmless. So INCONCLUSIVE is a failure of its own type, and in an INVALID run every case is an error. An advisory
target that does not hold is harmless, and skipped. A run that was ended early has a failing case for that.
"""

from xml.etree import ElementTree as ET

from harness.judging.check import Outcome
from reports.answers import AnswerTable
from reports.page import Findings
from reports.targets import Remark, TargetRow


def to_junit(findings: Findings) -> str:
    """The verdict as a JUnit XML document."""
    cases = [_case(findings, row) for row in findings.targets]
    if all(row.advisory for row in findings.targets):
        cases.append(_nothing(findings))
    if findings.answers:
        cases.append(_answers(findings, findings.answers))
    cases += [_ended(findings, stop) for stop in findings.stops]
    counted = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    found = {name: sum(case.find(tag) is not None for case in cases) for name, tag in counted.items()}
    counts = {"tests": str(len(cases)), **{name: str(number) for name, number in found.items()}}
    root = ET.Element("testsuites", {"name": "harness", **counts})
    suite = ET.SubElement(root, "testsuite", {"name": findings.name, **counts})
    suite.extend(cases)
    said = [
        findings.headline,
        findings.finding,
        findings.scope,
        *(f"{r.what}; {r.advice}" for r in (*findings.breaches, *findings.stops, *findings.remarks)),
    ]
    ET.SubElement(suite, "system-out").text = "\n".join(line for line in said if line)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _case(findings: Findings, row: TargetRow) -> ET.Element:
    name = f"{row.expect} ({row.narrowed})" if row.narrowed else row.expect
    case = ET.Element("testcase", {"classname": findings.name, "name": name})
    if findings.outcome == Outcome.INVALID.value:
        _problem(case, "error", "INVALID", findings.headline, _evidence(row))
    elif row.outcome != Outcome.PASS.value and row.advisory:
        _problem(case, "skipped", row.outcome, row.reason, _evidence(row))
    elif row.outcome != Outcome.PASS.value:
        _problem(case, "failure", row.outcome, row.reason, _evidence(row))
    else:
        ET.SubElement(case, "system-out").text = _evidence(row)
    return case


def _answers(findings: Findings, table: AnswerTable) -> ET.Element:
    """The comparison of answers as a test case of its own."""
    case = ET.Element("testcase", {"classname": findings.name, "name": "after answers as before does"})
    evidence = "\n".join((table.sentence, *(row.sentence for row in table.differences)))
    if findings.outcome == Outcome.INVALID.value:
        _problem(case, "error", "INVALID", findings.headline, evidence)
    elif table.outcome != Outcome.PASS.value:
        _problem(case, "failure", table.outcome, table.sentence, evidence)
    else:
        ET.SubElement(case, "system-out").text = evidence
    return case


def _nothing(findings: Findings) -> ET.Element:
    case = ET.Element("testcase", {"classname": findings.name, "name": "targets"})
    _problem(case, "error", findings.outcome, findings.headline, "A run without a judged target proves nothing.")
    return case


def _ended(findings: Findings, stop: Remark) -> ET.Element:
    case = ET.Element("testcase", {"classname": findings.name, "name": "ended early"})
    tag = "error" if findings.outcome == Outcome.INVALID.value else "failure"
    _problem(case, tag, findings.outcome, stop.what, stop.advice)
    return case


def _problem(case: ET.Element, tag: str, kind: str, message: str, evidence: str) -> None:
    ET.SubElement(case, tag, {"type": kind, "message": message}).text = evidence


def _evidence(row: TargetRow) -> str:
    after = f"{row.after.text} ({row.after_interval})" if row.after_interval else row.after.text
    lines = [f"{row.where}: before {row.before.text}, after {after}"]
    lines.append(f"change {row.change.text}, 95 % interval {row.interval.text}; {row.reason}")
    lines += [f"{remark.what}; {remark.advice}" for remark in row.remarks]
    return "\n".join(lines)
