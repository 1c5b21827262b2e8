"""The Jinja environment of all templates; undefined names are errors."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from reports.formatting import capitalised, count, plain

TEMPLATES = Environment(
    loader=PackageLoader("reports"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
TEMPLATES.filters |= {"capitalised": capitalised, "plain": plain, "thousands": count}
