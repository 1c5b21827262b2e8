"""Charts of a run as inline SVG."""

from reports.charts.blocks import blocks_charts
from reports.charts.distributions import distribution_charts
from reports.charts.forest import forest_chart
from reports.charts.migration import migration_chart
from reports.charts.search import search_chart
from reports.charts.timeline import bucket_seconds, timeline_chart
from reports.charts.waterfall import waterfall_chart

__all__ = [
    "blocks_charts",
    "bucket_seconds",
    "distribution_charts",
    "forest_chart",
    "migration_chart",
    "search_chart",
    "timeline_chart",
    "waterfall_chart",
]
