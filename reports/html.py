"""The report as one self-contained HTML file, without JavaScript."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from markupsafe import Markup

from harness.verdict.result import Result
from reports.charts.blocks import blocks_charts
from reports.charts.distributions import distribution_charts
from reports.charts.forest import forest_chart
from reports.charts.migration import migration_chart
from reports.charts.paper import Chart
from reports.charts.search import search_chart
from reports.charts.timeline import bucket_seconds, timeline_chart
from reports.charts.waterfall import waterfall_chart
from reports.glossary import glossary_html, link_terms
from reports.page import Page
from reports.templating import TEMPLATES

SIZES = (900, 370)
"""Widths of the wide and the narrow variant, in pixels."""


@dataclass
class Footnotes:
    """Reasons under a table, numbered in order of first use."""

    reasons: dict[str, int] = field(default_factory=dict)

    def number(self, reason: str) -> int:
        return self.reasons.setdefault(reason, len(self.reasons) + 1)


class Pictures:
    """The charts of a report, most of them in a wide and a narrow variant; ``waterfalls`` has one per metric."""

    def __init__(self, result: Result) -> None:
        plan, summary, comparison, verdict = result.plan, result.summary, result.comparison, result.verdict
        steps = result.attribution.waterfalls if result.attribution else ()
        self.forest = _both("forest", partial(forest_chart, summary, comparison, verdict))
        self.distributions = distribution_charts(summary)
        self.timeline = _both("timeline", partial(timeline_chart, plan, summary))
        self.timeline_step = bucket_seconds(plan.seconds)
        self.search = _both("search", partial(search_chart, summary, comparison))
        self.blocks = blocks_charts(comparison, verdict)
        self.waterfalls = [
            _both(f"waterfall-{fall.total.metric.name}", partial(waterfall_chart, fall)) for fall in steps
        ]
        self.migration = _both("migration", partial(migration_chart, result.evidence.migration))


def _both(name: str, draw: Callable[[int, str], Chart | None]) -> tuple[Chart, Chart] | None:
    wide, narrow = (draw(width, f"{name}-{width}") for width in SIZES)
    return (wide, narrow) if wide and narrow else None


def _markup(chart: Chart) -> Markup:
    return Markup(chart.svg)  # noqa: S704 - serialised by ElementTree, which escapes every text in it


def to_html(page: Page, pictures: Pictures) -> str:
    """``report.html``, with a glossary of the terms that it uses."""
    body = TEMPLATES.get_template("report.html.j2").render(
        page=page, pictures=pictures, footnotes=Footnotes, svg=_markup
    )
    linked, terms = link_terms(body)
    return linked.replace("</main>", f"{glossary_html(terms)}\n</main>")
