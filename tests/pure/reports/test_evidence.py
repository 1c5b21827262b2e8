"""Causes, grades, work and keys reach every form of the report, and are in none where nobody looked."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

import reports
from harness.analysis.request_cost import RequestCost, StatementCost
from harness.evidence.bottlenecks import Area, Bottleneck, BottleneckKind, Grade
from harness.evidence.causes import Cause, CauseKind, Share
from harness.evidence.evidence import Evidence
from harness.evidence.n_plus_one import RepeatedStatement
from harness.record.cache_keys import KeyUse
from harness.record.statements import Counts
from tests.pure.reports.conftest import Run, render_undrawn, unlinked

CONTENT = "GET /content/{id}"
REPEATED = RepeatedStatement(CONTENT, "f", "SELECT 2", "SELECT 1 <b>", 10.0, 1.0, 5)
COUNTS = Counts(11, 60, 400, 17, 1600, 2.5)


@pytest.fixture
def evidence(usual: Run) -> Evidence:
    latency = usual.comparison.pair("p95", None, CONTENT)
    assert latency is not None
    shares = (Share(CauseKind.CACHE, 0.25), Share(CauseKind.INDEXES, 0.5), Share(CauseKind.STATEMENTS, 0.25))
    cause = Cause(CONTENT, latency, (80.0, 10.0), (60.0, 4.0), 0.8, shares, (0.2, 0.8), (11, 1), (REPEATED, None))
    cost = RequestCost(CONTENT, 20, 5, COUNTS, Counts(), COUNTS, 3.0, 4, 6, (StatementCost("f", "SELECT 2", COUNTS),))
    index = Bottleneck(BottleneckKind.INDEX, Grade.D, "by_name", 8192.0, detail="INVALID")
    return Evidence(
        causes=(cause,),
        request_costs={"before": {CONTENT: cost}},
        repeated={"before": {CONTENT: REPEATED}},
        keys={"before": (KeyUse("item:*", 10, 6),)},
        areas=(Area("indexes", None, Grade.D, (index,)),),
    )


def render(run: Run, evidence: Evidence) -> dict[str, str]:
    return render_undrawn(replace(run.result, evidence=evidence))


def test_everything_is_said_everywhere(usual: Run, evidence: Evidence) -> None:
    files = render(usual, evidence)
    for said in (
        "indexes 50 %, cache 25 % (hit rate 20 → 80 %), statements 25 % (N+1 gone: 11 → 1 per request)",
        "80 % of the time saved is database time, 20 % outside the database",
        "N+1 before: “SELECT 2” runs 10 times per request, 1 for each row of “SELECT 1 &lt;b&gt;”",
        "The index by_name (8.00 KiB) is INVALID.",
        "DROP INDEX CONCURRENTLY by_name",
        "item:*",
    ):
        assert said in unlinked(files["report.html"]), said
    assert "indexes 50 %, cache 25 % (hit rate 20 → 80 %)" in files["summary.md"]
    assert "**Bottlenecks**: Fix first: indexes" in files["summary.md"]
    record = json.loads(files["evidence.json"])
    assert record["causes"][0]["shares"] == {"cache": 0.25, "indexes": 0.5, "statements": 0.25}
    assert record["request_costs"][0]["of_no_hit"]["wal"] == 1600
    assert record["keys"] == [{"arm": "before", "pattern": "item:*", "reads": 10, "misses": 6}]
    text = reports.text(replace(usual.result, evidence=evidence), width=120, ascii_only=True)
    assert "why\n" in text
    assert "(N+1 gone: 11 -> 1 per request)" in " ".join(text.split())


def test_nothing_is_said_where_nobody_looked(usual: Run) -> None:
    files = render(usual, Evidence())
    assert "evidence.json" not in files
    for title in ("Why it changed", "Bottlenecks", "Database cost per request"):
        assert title not in unlinked(files["report.html"])


def test_every_cause_has_a_colour_in_its_bar() -> None:
    style = (Path(reports.__file__).parent / "templates/report.css").read_text()
    coloured = {kind for kind in CauseKind if f".shares .{kind.name.lower()} " in style}
    assert coloured | {kind for kind in CauseKind if kind.name.startswith("INDEXES")} == set(CauseKind)
