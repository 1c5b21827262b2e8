"""The reports of a run: pure functions from its Result to HTML, Markdown, text, JUnit and JSON.

The same run gives the same bytes on every machine.
"""

from harness.verdict.result import Result
from reports import junit, markdown, page
from reports.history import history_json, history_text
from reports.json.evidence import evidence_record, indexes_record, migration_record, plans_record, statements_record
from reports.json.fields import to_json
from reports.json.run import attribution_record, comparison_record, summary_record, verdict_record
from reports.sections.selftest import certificate_text, selftest_begins
from reports.text import to_text
from reports.two_runs import side_by_side

__all__ = ["certificate_text", "history_json", "history_text", "render", "selftest_begins", "side_by_side", "text"]


def render(result: Result) -> dict[str, str]:
    """The files derived from a run: name to text."""
    from reports import html  # noqa: PLC0415 - Matplotlib takes half a second, which printing a verdict does not need

    shown, summary, evidence = page.Page(result), result.summary, result.evidence
    found, attribution = evidence.databases, result.attribution
    records = {
        "summary.json": summary_record(summary),
        "comparison.json": comparison_record(result.comparison, result.outcomes),
        "verdict.json": verdict_record(result.verdict),
        "statements.json": statements_record(summary) if summary.statements or summary.servers else None,
        "attribution.json": attribution_record(attribution) if attribution else None,
        "rehearsal.json": migration_record(evidence.migration) if evidence.migration else None,
        "evidence.json": evidence_record(evidence) if evidence.request_costs else None,
        "indexes.json": indexes_record(found) if found else None,
        "plans.json": plans_record(found) if found and found.plan_changes else None,
    }
    return {
        "report.html": html.to_html(shown, html.Pictures(result)),
        "summary.md": markdown.to_markdown(shown),
        "junit.xml": junit.to_junit(shown.findings),
        **{name: to_json(record) for name, record in records.items() if record},
    }


def text(result: Result, *, width: int, ascii_only: bool = False, colour: bool = False) -> str:
    """The verdict for a terminal of ``width`` columns, without a trailing newline."""
    return to_text(page.VerdictPage(result), width=width, ascii_only=ascii_only, colour=colour)
