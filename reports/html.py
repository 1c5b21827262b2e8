"""HTML: the report as one self-contained file, read without JavaScript and without a network."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from markupsafe import Markup

from harness.analysis.steps import Attribution
from harness.verdict.result import Result
from reports import charts
from reports.charts.paper import Chart
from reports.page import Page
from reports.sections import causes
from reports.sections import request_cost as work
from reports.sections.bottlenecks import ABOUT as ABOUT_BOTTLENECKS
from reports.sections.faults import ABOUT
from reports.sections.migration import ABOUT as ABOUT_REHEARSAL
from reports.sections.migration import TERMS as REHEARSAL_TERMS
from reports.sections.migration import TITLE as REHEARSAL_TITLE
from reports.sections.steps import CAVEAT, TITLE
from reports.templating import TEMPLATES

WIDE, NARROW = 900, 370


@dataclass
class Footnotes:
    """Reasons under a table, numbered in the order in which its cells first name them."""

    reasons: dict[str, int] = field(default_factory=dict)

    def number(self, reason: str) -> int:
        """The number of a reason's footnote."""
        return self.reasons.setdefault(reason, len(self.reasons) + 1)


@dataclass(frozen=True, slots=True)
class Pictures:
    """The charts of a report; wide and narrow variants are chosen between by the width of the page."""

    forest: tuple[Chart, Chart] | None
    distributions: tuple[tuple[str, Chart], ...]
    timeline: tuple[Chart, Chart] | None
    timeline_step: int
    search: tuple[Chart, Chart] | None
    blocks: tuple[tuple[str, Chart], ...]
    waterfalls: tuple[tuple[Chart, Chart] | None, ...]
    """One for each metric of an attribution, in its order."""
    rehearsal: tuple[Chart, Chart] | None = None


def draw_pictures(result: Result) -> Pictures:
    """Draw every chart of a run."""
    plan, summary, comparison, verdict = result.plan, result.summary, result.comparison, result.verdict
    attribution, rehearsal = result.attribution, result.evidence.migration
    forests = [charts.forest_chart(summary, comparison, verdict, width, f"forest-{width}") for width in (WIDE, NARROW)]
    timelines = [charts.timeline_chart(plan, summary, width, f"timeline-{width}") for width in (WIDE, NARROW)]
    searches = [charts.search_chart(summary, comparison, width, f"search-{width}") for width in (WIDE, NARROW)]
    return Pictures(
        forest=_both(*forests),
        distributions=tuple(charts.distribution_charts(summary)),
        timeline=_both(*timelines),
        timeline_step=charts.bucket_seconds(plan.seconds),
        search=_both(*searches),
        blocks=tuple(charts.blocks_charts(comparison, verdict)),
        waterfalls=tuple(_waterfalls(attribution)) if attribution else (),
        rehearsal=_both(*(charts.rehearsal_chart(rehearsal, width, f"rehearsal-{width}") for width in (WIDE, NARROW))),
    )


def _waterfalls(attribution: Attribution) -> Iterator[tuple[Chart, Chart] | None]:
    for fall in attribution.waterfalls:
        name = f"waterfall-{fall.total.metric.name}"
        yield _both(*(charts.waterfall_chart(fall, width, f"{name}-{width}") for width in (WIDE, NARROW)))


def _markup(chart: Chart) -> Markup:
    return Markup(chart.svg)  # noqa: S704 - serialised by ElementTree, which escapes every text in it


def _both(wide: Chart | None, narrow: Chart | None) -> tuple[Chart, Chart] | None:
    return (wide, narrow) if wide and narrow else None


def to_html(page: Page, pictures: Pictures) -> str:
    """The report.

    Args:
        page: the run in strings.
        pictures: its charts.
    """
    template = TEMPLATES.get_template("report.html.j2")
    return template.render(
        page=page,
        pictures=pictures,
        footnotes=Footnotes,
        svg=_markup,
        bottlenecks_about=ABOUT_BOTTLENECKS,
        cause_title=causes.TITLE,
        cause_about=causes.ABOUT,
        work_about=work.ABOUT,
        work_heads=work.HEADS,
        step_title=TITLE,
        step_caveat=CAVEAT,
        about_faults=ABOUT,
        rehearsal_title=REHEARSAL_TITLE,
        about_rehearsal=ABOUT_REHEARSAL,
        rehearsal_terms=REHEARSAL_TERMS,
    )
