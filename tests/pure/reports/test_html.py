"""The report: one file, harmless, complete, and the same bytes every time."""

from __future__ import annotations

import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

from reports.glossary import definitions

if TYPE_CHECKING:
    from tests.pure.reports.conftest import Run

VOID = {"meta", "br", "link", "img", "input", "hr"}
ROOT = Path(__file__).parents[3]


class Reader(HTMLParser):
    """Reads a page as nested elements; collects tables, ids, tags and attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.tables: list[list[list[str]]] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in {"td", "th"}:
            self.tables[-1][-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if "table" in self.open and {"td", "th"} & set(self.open):
            self.tables[-1][-1][-1] += data


def page_of(run: Run) -> str:
    return run.files["report.html"]


@cache
def read(page: str) -> Reader:
    return Reader(page)


def test_the_page_is_well_formed_and_every_id_is_unique(awkward: Run) -> None:
    reader = read(page_of(awkward))
    ids = [value for name, value in reader.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    used = {value[1:] for name, value in reader.attributes if name == "href"}
    used |= set(re.findall(r"url\(#([^)]+)\)", page_of(awkward)))
    assert used <= set(ids)


def test_nothing_comes_from_the_network_and_nothing_runs(awkward: Run) -> None:
    page = page_of(awkward)
    reader = read(page)
    assert not re.findall(r"https?://|//[a-z]+\.", page)
    assert not reader.tags & {"script", "link", "img", "iframe", "object", "embed", "form", "base", "foreignobject"}
    assert not [name for name, _ in reader.attributes if name.startswith("on") or name in {"src", "srcset", "xmlns"}]
    assert not [value for name, value in reader.attributes if name == "href" and not value.startswith("#")]
    assert "@import" not in page


def test_the_verdict_comes_first(awkward: Run) -> None:
    page = page_of(awkward)
    found = awkward.findings
    body = read(page).text.partition(found.name)[2]
    sentence = found.headline.partition(": ")[2]
    assert sentence[1:] in body
    assert body.index(sentence[1:]) < 1500 + len(page.partition("</style>")[0])


def test_every_number_of_the_targets_table_is_that_of_the_view(usual: Run) -> None:
    head, *rows = read(page_of(usual)).tables[0]
    assert head == ["", "target", "outcome", "before", "after", "change", "95 % interval", "why"]
    for cells, row in zip(rows, usual.findings.targets, strict=True):
        assert cells == [
            str(row.number),
            f"{row.expect}{row.where}" + (f" · claim {row.claim}" if row.claim else ""),
            f"{row.mark} {row.outcome}",
            row.before.text,
            row.after.text + row.after_interval,
            row.change.text,
            row.interval.text,
            row.reason,
        ]


def test_every_number_of_the_stage_tables_is_that_of_the_view(awkward: Run) -> None:
    page = awkward.page
    found = page.findings
    tables = read(page_of(awkward)).tables[bool(found.targets) + bool(found.steps) :]
    for table, stage in zip(tables, page.stages, strict=False):
        shown = [cells[-len(page.columns) :] for cells in table[1:]]
        assert shown == [
            line
            for row in stage.rows
            for line in (
                *([cell.text for cell in cells] for cells in (row.before, row.after, row.change)),
                [cell.text + cell.sub for cell in row.outcome],
            )
        ]


def test_every_reason_of_a_dash_is_printed_under_its_table(awkward: Run) -> None:
    page = page_of(awkward)
    text = read(page).text
    for reason in {value for name, value in read(page).attributes if name == "title"}:
        assert reason in text


def test_text_of_others_is_text(hostile: Run) -> None:
    page = page_of(hostile)
    reader = read(page)
    assert '<script>alert("x")</script>' in reader.text
    assert '<b>&"quoted"</b> | `x` ]]>' in reader.text
    assert "GET /a|b`c`*d*_e_[f](g)&amp;" in reader.text
    assert "$x^2$" in reader.text
    assert "long-" * 60 in reader.text
    assert not [c for c in page if c < " " and c not in "\n\t"]
    assert "\u202e" not in page


def test_pictures_speak_to_those_who_cannot_see_them(usual: Run) -> None:
    page = page_of(usual)
    for svg in re.findall(r"<svg .*?</svg>", page, re.DOTALL):
        assert re.match(
            r'<svg class="chart" viewBox="[\d .]+" role="img" aria-label="[^"]+">\s*<title>[^<]+</title>', svg
        )


def test_rendering_again_gives_the_same_bytes(usual: Run) -> None:
    assert usual.render() == usual.files


def test_what_is_rendered_without_pictures_is_the_same(usual: Run) -> None:
    drawn = re.sub(r"<svg .*?</svg>", '<svg class="undrawn"></svg>', usual.files["report.html"], flags=re.DOTALL)
    assert usual.undrawn == usual.files | {"report.html": drawn}


def test_there_is_a_file_for_every_reader(usual: Run) -> None:
    assert set(usual.files) == {
        "report.html",
        "summary.md",
        "junit.xml",
        "summary.json",
        "comparison.json",
        "verdict.json",
    }


def test_each_term_is_linked_once_to_its_definition(usual: Run) -> None:
    page = usual.files["report.html"]
    links = re.findall(r'<a class="term" href="#([^"]+)">', page)
    assert len(links) == len(set(links))
    assert sorted(re.findall(r'<dt id="([^"]+)">', page)) == sorted(links)
    assert {"term-target", "term-caveat", "term-interval", "term-block"} <= set(links)
    assert set(re.findall(r'href="#(term-[^"]+)"', page)) == set(links)


def test_the_glossary_is_the_page_of_the_documentation() -> None:
    page = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
    assert list(definitions()) == re.findall(r"^### (.+)$", page, re.MULTILINE)
    assert all(text and "](" not in re.sub(r"\]\(#[a-z0-9-]+\)", "", text) for text in definitions().values())
