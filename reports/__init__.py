"""The reports of a run: pure functions from its Result to HTML, Markdown, text, JUnit and JSON.

The same run gives the same bytes on every machine.
"""

from typing import Any

from harness.verdict.result import Result
from reports import junit, markdown, page
from reports.history import history_json, history_text
from reports.json import run as records
from reports.json.evidence import evidence_record
from reports.json.migration import migration_record
from reports.sections.indexes import indexes_record
from reports.sections.query_plans import plans_record
from reports.sections.selftest import certificate_text, selftest_begins
from reports.sections.statements import statements_record
from reports.text import to_text
from reports.two_runs import side_by_side

__all__ = ["certificate_text", "history_json", "history_text", "render", "selftest_begins", "side_by_side", "text"]


def render(result: Result) -> dict[str, str]:
    """The files derived from a run: name to text."""
    from reports import html  # noqa: PLC0415 - Matplotlib takes half a second, which printing a verdict does not need

    shown, summary, evidence = page.Page(result), result.summary, result.evidence
    records_of_run: dict[str, dict[str, Any]] = {
        "summary.json": records.summary_record(summary),
        "comparison.json": records.comparison_record(result.comparison, result.outcomes),
        "verdict.json": records.verdict_record(result.verdict),
    }
    if summary.statements or summary.servers:
        records_of_run["statements.json"] = statements_record(summary)
    if result.attribution:
        records_of_run["attribution.json"] = records.attribution_record(result.attribution)
    if evidence.migration:
        records_of_run["rehearsal.json"] = migration_record(evidence.migration)
    if evidence.request_costs:
        records_of_run["evidence.json"] = evidence_record(evidence)
    if evidence.databases:
        records_of_run["indexes.json"] = indexes_record(evidence.databases)
        if evidence.databases.plan_changes:
            records_of_run["plans.json"] = plans_record(evidence.databases)
    return {
        "report.html": html.to_html(shown, html.draw_pictures(result)),
        "summary.md": markdown.to_markdown(shown),
        "junit.xml": junit.to_junit(shown.findings),
        **{name: records.to_json(record) for name, record in records_of_run.items()},
    }


def text(result: Result, *, width: int, ascii_only: bool = False, colour: bool = False) -> str:
    """The verdict for a terminal of ``width`` columns, without a trailing newline."""
    return to_text(page.VerdictPage(result), width=width, ascii_only=ascii_only, colour=colour)
