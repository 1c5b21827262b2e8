"""The summary as Markdown (GitHub flavour), for a CI step or a pull request."""

import re
from collections.abc import Sequence

from reports.page import Page
from reports.sections.stages import EndpointRow
from reports.templating import TEMPLATES

SPECIAL = re.compile(r"([\\`*_\[\]<>|~#&$])")


class Markdown(str):
    """Text that is Markdown already; templates escape all other values."""

    __slots__ = ()


def to_markdown(page: Page) -> str:
    """``summary.md``: the verdict, targets, causes, caveats, and all endpoints over all stages."""
    columns = [number for number, column in enumerate(page.columns) if column.brief]
    text = _TEMPLATES.get_template("summary.md.j2").render(
        page=page, columns=columns, undecided=_undecided(page.stages[0].rows) if page.stages else ""
    )
    return text.rstrip("\n") + "\n"


def _undecided(rows: Sequence[EndpointRow]) -> str:
    """The common reason why all rows are inconclusive; empty where there is no such reason."""
    whys = {cell.why for row in rows for cell in row.outcome if cell.words}
    return whys.pop() if len(whys) == 1 else ""


def _escaped(value: object) -> str:
    return value if isinstance(value, Markdown) else SPECIAL.sub(r"\\\1", str(value))


def _code(text: str) -> Markdown:
    """A code span whose fence is longer than any run of backticks in it; pipes end table cells even there."""
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return Markdown(f"{fence}{pad}{text}{pad}{fence}".replace("|", r"\|"))


_TEMPLATES = TEMPLATES.overlay(autoescape=False, finalize=_escaped)
_TEMPLATES.filters = {**_TEMPLATES.filters, "code": _code}
