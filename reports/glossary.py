"""The glossary of the report: definitions from docs/glossary.md, linked from the first use of each term.

``glossary.md`` beside this module is a link to that page, so that the wheel contains it.
"""

import re
from collections.abc import Collection
from importlib.resources import files

from markupsafe import Markup, escape

PLACES = {"h2", "h3", "th", "p", "summary", "dt"}
"""Elements whose text is linked."""
OPAQUE = {"a", "code", "pre", "style", "svg", "title"}
_ENTRY = re.compile(r"^### (.+)\n((?:(?!#).*\n?)*)", re.MULTILINE)
_SEE = re.compile(r"\s*See (?:the )?\[[^\]]*\]\([^)#][^)]*\)\.")
_LINK = re.compile(r"\[([^\]]*)\]\(([^)]*)\)")
_TAG = re.compile(r"(<[^>]*>)")


def definitions() -> dict[str, str]:
    """The entries of docs/glossary.md: term to its definition in Markdown on one line, without links to other pages."""
    page = (files("reports") / "glossary.md").read_text(encoding="utf-8")
    return {term: _SEE.sub("", " ".join(body.split())) for term, body in _ENTRY.findall(page)}


def link_terms(html: str) -> tuple[str, list[str]]:
    """The page with a link from the first use of each term to its definition, and the terms that it uses."""
    terms = {name.lower(): term for term in definitions() for name in _names(term)}
    longest_first = sorted(terms, key=len, reverse=True)
    pattern = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, longest_first))})(?:e?s)?(?![\w-])", re.IGNORECASE)
    found: list[str] = []

    def link(match: re.Match[str]) -> str:
        term = terms[match[1].lower()]
        if term in found:
            return match[0]
        found.append(term)
        return f'<a class="term" href="#{_anchor(term)}">{match[0]}</a>'

    inside: list[str] = []
    parts = []
    for part in _TAG.split(html):
        if not part.startswith("<"):
            parts.append(pattern.sub(link, part) if PLACES.intersection(inside) and not OPAQUE & {*inside} else part)
            continue
        parts.append(part)
        name = part.strip("</>").partition(" ")[0]
        if part.startswith("</"):
            while inside and inside.pop() != name:
                pass
        elif name in PLACES | OPAQUE:
            inside.append(name)
    return "".join(parts), found


def glossary_html(terms: Collection[str]) -> str:
    """The section with the definitions of some terms, in alphabetical order."""
    used = {term: text for term, text in definitions().items() if term in terms}
    items = (f'<dt id="{_anchor(t)}">{escape(t)}</dt><dd>{_definition(text, terms)}</dd>' for t, text in used.items())
    rows = "\n".join(items)
    return f'<section class="prose glossary">\n<h2>Glossary</h2>\n<dl>\n{rows}\n</dl>\n</section>'


def _names(term: str) -> list[str]:
    """``Peak memory (PSS)`` is also found as ``Peak memory``, ``Before, after`` as either word."""
    return [name for part in term.split(", ") for name in {part, part.partition(" (")[0]}]


def _anchor(term: str) -> str:
    return "term-" + re.sub(r"[^a-z0-9]+", "-", term.lower()).strip("-")


def _definition(text: str, terms: Collection[str]) -> Markup:
    anchors = {_anchor(term) for term in terms}

    def link(match: re.Match[str]) -> str:
        anchor = f"term-{match[2].removeprefix('#')}"
        return f'<a href="#{anchor}">{match[1]}</a>' if anchor in anchors else match[1]

    html = _LINK.sub(link, str(escape(text)))
    return Markup(re.sub(r"`([^`]*)`", r"<code>\1</code>", html))  # noqa: S704 - the text is escaped above
