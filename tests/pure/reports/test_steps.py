"""Which step did it: the sentence, the table, the picture, and what machines read of it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from reports.charts.waterfall import waterfall_chart
from reports.sections.steps import CAVEAT, NOT_SEEN, TITLE, TOTAL, WORSE, StepTable

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.analysis.steps import Attribution
    from tests.pure.reports.conftest import Run

CHAIN = """
[attribution]
steps = [{ name = "indexes", revision = "head" }, { name = "code", env = { RELEASE = "optimized" } }]
"""


def table_of(run: Run) -> StepTable:
    assert run.findings.steps is not None
    return run.findings.steps


def attribution_of(run: Run) -> Attribution:
    assert run.attribution is not None
    return run.attribution


def pictures_of(run: Run) -> list[str]:
    return [chart.svg for pair in run.pictures.waterfalls if pair for chart in pair]


def test_the_section_as_recorded(steps: Run, golden: Callable[[str, str], None]) -> None:
    page = steps.report
    section = re.search(rf"<section>\n<h2>{TITLE}.*?</section>", page, re.DOTALL)
    assert section is not None
    golden("steps.html", re.sub(r"<svg .*?</svg>", "<svg/>", section[0], flags=re.DOTALL) + "\n")


def test_text_and_markdown_as_recorded(steps: Run, golden: Callable[[str, str], None]) -> None:
    golden("steps-80-ascii.txt", steps.text(80, ascii_only=True) + "\n")
    golden("steps-120-unicode.txt", steps.text(120) + "\n")
    golden("steps.md", steps.undrawn["summary.md"])


def test_the_sentence_names_the_largest_share_first_and_what_was_not_seen(steps: Run) -> None:
    table = table_of(steps)
    assert table.lead == 0
    named = ("320 ms → 53.8 ms", "queries ", "cache ", "indexes ", "pool ")
    places = [table.sentences[0].index(words) for words in (*named, "no significant difference: breaker.")]
    assert places == sorted(places)
    assert table.sentences[1].startswith("The change of req/s is not attributed: no significant difference")


def test_a_row_says_what_changed_and_shares_add_up(steps: Run) -> None:
    rows = {row.name: row for row in table_of(steps).rows}
    assert list(rows) == ["before", "indexes", "queries", "cache", "pool", "breaker", TOTAL]
    assert rows["indexes"].changed == "revision head"
    assert rows["cache"].changed == "RELEASE=queries,cache"
    values = {name: row.values[0] for name, row in rows.items()}
    assert (values["pool"].note, values["breaker"].note, values["cache"].note) == (WORSE, NOT_SEEN, "")
    assert values["breaker"].share.faint
    shares = [values[name].share.text.removesuffix(" %") for name in list(rows)[1:]]
    assert sum(
        float(share.replace("\N{MINUS SIGN}", "-").replace("\N{ALMOST EQUAL TO}", "")) for share in shares[:-1]
    ) == pytest.approx(100, abs=3)
    assert shares[-1] == "100"


def test_every_form_warns_that_a_share_depends_on_the_order(steps: Run) -> None:
    assert "cache hides the effect of an index" in CAVEAT
    assert CAVEAT in steps.report
    assert CAVEAT in steps.undrawn["summary.md"]
    assert CAVEAT in " ".join(steps.text(80).split())


@pytest.mark.parametrize("width", [900, 370])
def test_the_picture_writes_every_number_beside_its_bar(steps: Run, width: int) -> None:
    fall, table = attribution_of(steps).waterfalls[0], table_of(steps)
    chart = waterfall_chart(fall, width, "waterfall")
    assert chart is not None
    texts = re.findall(r"<text[^>]*>([^<]+)</text>", chart.svg)
    for row in table.rows:
        value = row.values[0]
        assert row.name in texts
        assert not value.level.text or f"{value.level.text} ms" in texts
        assert not value.change.text or any(value.change.text in text for text in texts)
        assert not value.interval.text or any(value.interval.text in text for text in texts)
        assert not value.share.text or any(text.endswith(value.share.text) for text in texts)
    assert any(NOT_SEEN in text for text in texts)
    assert any(WORSE in text for text in texts)


def test_a_hollow_bar_has_a_dashed_edge_and_others_have_none(steps: Run) -> None:
    wide = pictures_of(steps)[0]
    hollow = re.findall(r'style="(fill: var\(--paper\)[^"]*)"', wide)
    assert len(hollow) == 1
    assert "stroke-dasharray" in hollow[0]
    assert len(re.findall(r'style="fill: var\(--pass\)[^"]*"', wide)) == 3
    assert len(re.findall(r'style="fill: var\(--fail\)[^"]*"', wide)) == 1


def test_one_block_says_of_no_step_that_it_made_a_difference(run_of: Callable[..., Run], plan_text: str) -> None:
    run = run_of((plan_text + CHAIN).replace("blocks = 4", "blocks = 1"))
    table = table_of(run)
    assert table.sentences[0] == "The change of P95 is not attributed: one block has no interval."
    assert {row.values[0].note for row in table.rows[1:-1]} == {"one block has no interval"}
    assert not re.findall(r'style="fill: var\(--(pass|fail)\)', pictures_of(run)[0])


def test_ink_is_the_pages(steps: Run) -> None:
    for svg in pictures_of(steps):
        assert not re.findall(r"#[0-9a-fA-F]{6}", svg)
        assert "font-family" not in svg


def test_steps_in_the_dark_say_why(awkward_runs: dict[str, Run]) -> None:
    run = awkward_runs["steps in the dark"]
    table = table_of(run)
    assert table.lead == 0
    assert table.sentences[0] == (
        "The change of P99 is not attributed: P99 needs 299 successful requests in every leg."
    )
    assert table.sentences[2] == "The change of queries per request is not attributed: a value of zero has no ratio."
    rows = {row.name: row for row in table.rows}
    assert (rows["queries"].values[1].level.text, rows["cache"].values[1].change.text) == ("—", "—")
    assert rows["breaker"].values[2].level.text == "0"
    assert rows[TOTAL].values[2].share.why == "a value of zero has no ratio"
    queries = pictures_of(run)[4]
    assert ">0</text>" in queries  # zero is written where the axis has no place for it
    assert len(re.findall(r"stroke-dasharray", queries)) == 2


def test_a_run_without_steps_shows_no_section(usual: Run) -> None:
    assert usual.findings.steps is None
    assert TITLE not in usual.report + usual.undrawn["summary.md"] + usual.text(100)
    assert "attribution.json" not in usual.undrawn


def test_what_machines_read(steps: Run) -> None:
    record = json.loads(steps.undrawn["attribution.json"])
    fall = attribution_of(steps).waterfalls[0]
    assert (record["schema"], record["stage"], record["endpoint"]) == (1, None, None)
    assert [metric["metric"] for metric in record["metrics"]] == ["p95", "rps", "queries_per_request"]
    p95 = record["metrics"][0]
    assert p95["before"]["value"] == fall.levels[0].value
    assert [step["step"] for step in p95["steps"]] == ["indexes", "queries", "cache", "pool", "breaker"]
    assert [step["arm"] for step in p95["steps"]] == ["indexes", "queries", "cache", "pool", "after"]
    assert [step["share"] for step in p95["steps"]] == [part.share for part in fall.contributions]
    assert p95["steps"][0]["revision"] == "head"
    assert p95["steps"][-1]["seen"] is False
    assert fall.total.change is not None
    assert p95["total"]["ratio"] == fall.total.change.value


def test_everything_else_still_shows_before_and_after_alone(steps: Run) -> None:
    page = steps.page
    assert page.findings.scope.startswith("4 interleaved blocks of 6 arms, ")
    assert [row.arm for row in page.migrations] == ["before", "indexes, queries, cache, pool, after"]
    facts = {group.title: dict(group.rows) for group in page.setup}
    assert list(facts["Arms"]) == list(steps.plan.arms_in_order)
    assert facts["Order of legs"]["block 2"] == "before, indexes, queries, cache, pool, after"
    pictures = steps.pictures
    others = [chart.svg for _, chart in (*pictures.distributions, *pictures.blocks)]
    others += [chart.svg for chart in (*(pictures.forest or ()), *(pictures.timeline or ()))]
    assert not [svg for svg in others if re.search(r">(indexes|queries|cache|pool)</text>", svg)]
