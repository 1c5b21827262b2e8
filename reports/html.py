"""The report as one self-contained HTML file, without JavaScript."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from markupsafe import Markup

from harness.analysis.steps import Attribution
from harness.verdict.result import Result
from reports import charts
from reports.charts.paper import Chart
from reports.glossary import glossary_html, link_terms
from reports.page import Page
from reports.sections import request_cost
from reports.templating import TEMPLATES

SIZES = (900, 370)
"""Widths of the wide and the narrow variant, in pixels."""


@dataclass
class Footnotes:
    """Reasons under a table, numbered in order of first use."""

    reasons: dict[str, int] = field(default_factory=dict)

    def number(self, reason: str) -> int:
        return self.reasons.setdefault(reason, len(self.reasons) + 1)


@dataclass(frozen=True, slots=True)
class Pictures:
    """The charts of a report, most of them in a wide and a narrow variant; ``waterfalls`` has one per metric."""

    forest: tuple[Chart, Chart] | None
    distributions: tuple[tuple[str, Chart], ...]
    timeline: tuple[Chart, Chart] | None
    timeline_step: int
    search: tuple[Chart, Chart] | None
    blocks: tuple[tuple[str, Chart], ...]
    waterfalls: tuple[tuple[Chart, Chart] | None, ...]
    migration: tuple[Chart, Chart] | None = None


def draw_pictures(result: Result) -> Pictures:
    """Draw every chart of a run."""
    plan, summary, comparison, verdict = result.plan, result.summary, result.comparison, result.verdict
    attribution = result.attribution
    forests = [charts.forest_chart(summary, comparison, verdict, width, f"forest-{width}") for width in SIZES]
    timelines = [charts.timeline_chart(plan, summary, width, f"timeline-{width}") for width in SIZES]
    searches = [charts.search_chart(summary, comparison, width, f"search-{width}") for width in SIZES]
    return Pictures(
        forest=_both(*forests),
        distributions=tuple(charts.distribution_charts(summary)),
        timeline=_both(*timelines),
        timeline_step=charts.bucket_seconds(plan.seconds),
        search=_both(*searches),
        blocks=tuple(charts.blocks_charts(comparison, verdict)),
        waterfalls=tuple(_waterfalls(attribution)) if attribution else (),
        migration=_both(
            *(charts.migration_chart(result.evidence.migration, width, f"migration-{width}") for width in SIZES)
        ),
    )


def _waterfalls(attribution: Attribution) -> Iterator[tuple[Chart, Chart] | None]:
    for fall in attribution.waterfalls:
        name = f"waterfall-{fall.total.metric.name}"
        yield _both(*(charts.waterfall_chart(fall, width, f"{name}-{width}") for width in SIZES))


def _markup(chart: Chart) -> Markup:
    return Markup(chart.svg)  # noqa: S704 - serialised by ElementTree, which escapes every text in it


def _both(wide: Chart | None, narrow: Chart | None) -> tuple[Chart, Chart] | None:
    return (wide, narrow) if wide and narrow else None


def to_html(page: Page, pictures: Pictures) -> str:
    """``report.html``, with a glossary of the terms that it uses."""
    body = TEMPLATES.get_template("report.html.j2").render(
        page=page,
        pictures=pictures,
        footnotes=Footnotes,
        svg=_markup,
        cost_heads=request_cost.HEADS,
    )
    linked, terms = link_terms(body)
    return linked.replace("</main>", f"{glossary_html(terms)}\n</main>")
