"""How a run is shown: pure functions from a Comparison and a Verdict to text, pictures and HTML.

No clock, no network, no disk but the package's own templates: the same run gives the same bytes anywhere. Imports
``harness.metric`` to ``harness.verdict`` and nothing above them.
"""

from collections.abc import Sequence

from harness.comparison import Comparison
from harness.explaining.evidence import Evidence
from harness.judging.attribution import Attribution
from harness.judging.certificate import Certificate
from harness.judging.outcome import Outcomes
from harness.plan import Plan
from harness.setup import Setup
from harness.summary import Summary
from harness.trial import Migration
from harness.verdict import Verdict
from reports import junit, markdown, page, records
from reports.certificate import certificate_text, selftest_begins
from reports.contrast import side_by_side
from reports.evidence_record import evidence_record
from reports.history import history_json, history_text
from reports.indexes import indexes_record
from reports.plans import plans_record
from reports.rehearsal_record import rehearsal_record
from reports.statements import statements_record
from reports.text import to_text

__all__ = [
    "certificate_text",
    "history_json",
    "history_text",
    "render",
    "selftest_begins",
    "side_by_side",
    "text",
]


def render(  # noqa: PLR0917 - the parts of a run, in the order in which they come into being
    plan: Plan,
    plan_text: str,
    setup: Setup,
    migrations: Sequence[Migration],
    summary: Summary,
    comparison: Comparison,
    verdict: Verdict,
    *,
    outcomes: Outcomes,
    attribution: Attribution | None = None,
    certificate: Certificate | None = None,
    evidence: Evidence | None = None,
) -> dict[str, str]:
    """Every file that is derived from a run, by name.

    Args:
        plan: what was asked.
        plan_text: the same, word for word.
        setup: on what it ran.
        migrations: what bringing each arm to its revision took.
        summary: percentiles and rates per arm, block, stage and endpoint.
        comparison: before and after side by side.
        verdict: every target judged.
        outcomes: what each row of the comparison shows.
        attribution: what each step between the arms did, when they were measured.
        certificate: what a selftest of this machine said, where one was made.
        evidence: what the servers tell of the causes.
    """
    from reports import html  # noqa: PLC0415 - Matplotlib takes half a second, which a verdict need not wait for

    shown = page.build_page(
        plan,
        plan_text,
        setup,
        migrations,
        summary,
        comparison,
        verdict,
        outcomes=outcomes,
        attribution=attribution,
        certificate=certificate,
        evidence=evidence,
    )
    pictures = html.draw_pictures(
        plan, summary, comparison, verdict, attribution, rehearsal=evidence.rehearsal if evidence else None
    )
    files = {
        "report.html": html.to_html(shown, pictures),
        "summary.md": markdown.to_markdown(shown),
        "junit.xml": junit.to_junit(shown.findings),
        "summary.json": records.to_json(records.summary_record(summary)),
        "comparison.json": records.to_json(records.comparison_record(comparison, outcomes)),
        "verdict.json": records.to_json(records.verdict_record(verdict)),
    }
    if summary.statements or summary.servers:
        files["statements.json"] = records.to_json(statements_record(summary))
    if attribution:
        files["attribution.json"] = records.to_json(records.attribution_record(attribution))
    if evidence and evidence.rehearsal:
        files["rehearsal.json"] = records.to_json(rehearsal_record(evidence.rehearsal))
    if evidence and evidence.tolls:
        files["evidence.json"] = records.to_json(evidence_record(evidence))
    if evidence and evidence.databases:
        files["indexes.json"] = records.to_json(indexes_record(evidence.databases))
        if evidence.databases.changes:
            files["plans.json"] = records.to_json(plans_record(evidence.databases))
    return files


def text(
    plan: Plan,
    summary: Summary,
    comparison: Comparison,
    verdict: Verdict,
    *,
    attribution: Attribution | None = None,
    evidence: Evidence | None = None,
    width: int,
    ascii_only: bool = False,
    colour: bool = False,
) -> str:
    """The verdict for a terminal of some width, without a trailing newline; ASCII for streams that can do no more."""
    findings = page.build_findings(plan, summary, comparison, verdict, attribution, evidence=evidence)
    return to_text(findings, width=width, ascii_only=ascii_only, colour=colour)
