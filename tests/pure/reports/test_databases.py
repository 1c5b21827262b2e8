"""Indexes and plans in words."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from harness.evidence.catalogue import DatabaseEvidence, database_evidence
from harness.evidence.query_plans import plan_change_of
from harness.record.ablation import Ablation, DegradedStatement, EndpointAblation, IndexAblation
from harness.record.catalogue import Catalogue, ForeignKey, Index, IndexBuild, IndexCounts, IndexKey, RecordedPlans
from harness.record.query_plans import ExplainedStatement, PlanNode
from reports.json.evidence import indexes_record, plans_record
from reports.json.fields import to_json
from reports.sections.indexes import index_table
from reports.sections.query_plans import LONGEST, plan_table, words
from reports.templating import TEMPLATES

WHOLE = PlanNode("Seq Scan", "contents", rows=3900, removed=100, pages=412)
SORTED = PlanNode("Limit", rows=20, pages=412, parts=(PlanNode("Sort", rows=4000, pages=412, parts=(WHOLE,)),))
FOUND = PlanNode("Limit", rows=20, pages=6, parts=(PlanNode("Index Scan", "contents", "by_score", rows=20, pages=6),))


def plan(root: PlanNode, fingerprint: str = "f", *, estimated: bool = False) -> ExplainedStatement:
    return ExplainedStatement(
        fingerprint, f"SELECT {fingerprint}", root, None, None if estimated else 1.0, 1, estimated
    )


BITMAP = PlanNode(
    "Bitmap Heap Scan", "contents", rows=9, pages=6, parts=(PlanNode("Bitmap Index Scan", index="by_tag"),)
)
SIDE = PlanNode("Seq Scan", "tags", rows=1, pages=1)
SCAN = "Seq Scan of contents (reads the whole table, 4,000 rows)"
BY_SCORE = "Index Scan of contents using by_score (finds rows by index)"
WORDS = {
    "an index instead of the whole table": (
        SORTED,
        FOUND,
        (f"{SCAN} → {BY_SCORE}; buffers 412 → 6; rows scanned 4,000 → 20; sort of 4,000 rows gone"),
    ),
    "the other way round": (
        FOUND,
        SORTED,
        (f"{BY_SCORE} → {SCAN}; buffers 6 → 412; rows scanned 20 → 4,000; sort of 4,000 rows new"),
    ),
    "the index alone": (
        replace(FOUND.parts[0], rows=1),
        PlanNode("Index Only Scan", "contents", "by_score", rows=1, pages=6),
        f"{BY_SCORE} → Index Only Scan of contents using by_score (reads the index alone)",
    ),
    "pages by an index": (
        WHOLE,
        BITMAP,
        (
            f"{SCAN} → Bitmap Heap Scan of contents using by_tag (finds blocks by index); buffers 412 → 6; "
            "rows scanned 4,000 → 9"
        ),
    ),
    "a table more": (
        SIDE,
        PlanNode("Nested Loop", rows=1, pages=1, parts=(SIDE, PlanNode("Index Scan", "users", "pk", rows=0))),
        "no scan → Index Scan of users using pk (finds rows by index); nested loop new",
    ),
    "another join": (
        PlanNode("Hash Join", pages=1, parts=(SIDE,)),
        PlanNode("Merge Join", pages=1, parts=(SIDE,)),
        "hash join gone; merge join new",
    ),
    "a step that nobody knows": (
        SIDE,
        PlanNode("Custom Scan", "tags", rows=1, pages=1),
        "Seq Scan of tags (reads the whole table, 1 row) → Custom Scan of tags",
    ),
    "nothing": (SIDE, SIDE, "unchanged"),
}


@pytest.mark.parametrize("case", WORDS)
def test_a_difference_of_plans_in_words(case: str) -> None:
    before, after, expected = WORDS[case]
    assert words(plan_change_of(plan(before), plan(after))) == expected


def test_a_statement_of_one_release_alone() -> None:
    assert words(plan_change_of(plan(SORTED), None)) == f"no longer run: {SCAN}"
    assert words(plan_change_of(None, plan(FOUND))) == f"new: {BY_SCORE}"


INDEXES = (
    Index(
        "by_score",
        "contents",
        (IndexKey("score", descending=True, nulls_first=True), IndexKey("id")),
        size_bytes=335872,
    ),
    Index(
        "by_score_2",
        "contents",
        (IndexKey("score", descending=True, nulls_first=True), IndexKey("id")),
        size_bytes=335872,
    ),
    Index("broken", "contents", (IndexKey("title"),), valid=False, size_bytes=16384),
    Index("by_day", "contents", (IndexKey("day"),), size_bytes=8192),
    Index("by_owner", "contents", (IndexKey("owner"),), size_bytes=8192),
    Index("keeps_unique", "contents", (IndexKey("slug"),), unique=True, size_bytes=8192),
)
OWNER = ForeignKey("owner_fkey", "contents", ("owner",), "users")
EDITOR = ForeignKey("editor_fkey", "contents", ("editor",), "users")


def findings(*, ablated: bool = True, estimated: bool = False) -> DatabaseEvidence:
    old, new = plan(SORTED, estimated=estimated), plan(FOUND, estimated=estimated)
    worse = DegradedStatement("f", "SELECT f", 6, 412, new, old)
    without = (
        EndpointAblation("GET /contents", 10, 6, 412, 0, 0),
        EndpointAblation("POST /contents", 5, 9, 7, 250, 170, fewer_pages=True),
    )
    counted = tuple(IndexCounts(index.name, 7 if index.name == "by_score" else 0, 0) for index in INDEXES)
    told = database_evidence(
        {"before": Catalogue(), "after": Catalogue(INDEXES, (OWNER, EDITOR))},
        {
            "before": RecordedPlans((old, plan(SIDE, "same"), plan(SIDE, "gone"), plan(SIDE, "same too"))),
            "after": RecordedPlans(
                (new, plan(SIDE, "same"), plan(SIDE, "same too"), plan(FOUND, "new" * 99)), counted, 60, "no log"
            ),
        },
        {},
        loaded=counted,
        built=[IndexBuild("by_score", 0.25)],
        ablation=Ablation((IndexAblation("by_score", without, worse),)) if ablated else None,
        requests=1000,
    )
    assert told
    return told


def test_the_ledger_in_strings() -> None:
    table = index_table(findings())
    assert table
    assert table.sentence == "The migration created 6 indexes of 696 KiB, built in 250 ms; 1 of them used."
    rows = {row.name: row for row in table.rows}
    one = rows["by_score"]
    assert (one.on, one.size, one.built.text, one.scans.text) == (
        "contents (score DESC, id)",
        "328 KiB",
        "250 ms",
        "14",
    )
    assert one.saved_by == (
        "GET /contents: 406 per request (412 without, 6 with it)",
        "POST /contents: costs 2 per request (7 without, 9 with it)",
    )
    assert one.written_by == ("POST /contents: 80 bytes per request",)
    assert one.worse.startswith(f"SELECT f: {BY_SCORE} → {SCAN}")
    assert {name: row.found for name, row in rows.items() if row.found} == {
        "by_score_2": "duplicate",
        "broken": "INVALID",
        "by_day": "unused in this workload",
    }
    assert rows["by_owner"].why == "supports the foreign key to users"
    assert rows["keeps_unique"].saved.why == "not dropped: keeps rows unique"
    assert rows["by_day"].saved.why == "not dropped"
    assert rows["by_day"].built.why
    assert table.unserved == ("editor_fkey on contents (editor)",)


def test_what_is_wrong_is_said_with_what_to_do() -> None:
    table = index_table(findings())
    assert table
    assert sorted(table.alerts) == [
        (
            "broken is INVALID: writes maintain it, queries do not use it. REINDEX CONCURRENTLY it, or "
            "DROP INDEX CONCURRENTLY broken."
        ),
        (
            "by_day is unused in this workload (1,060 requests). DROP INDEX CONCURRENTLY by_day, "
            "if no other workload needs it."
        ),
        "by_score_2 is a duplicate of by_score. DROP INDEX CONCURRENTLY by_score_2.",
    ]


def test_what_was_not_measured_says_how_to() -> None:
    table = index_table(findings(ablated=False))
    assert table
    assert {row.saved.why for row in table.rows} == {"not measured: run with --ablate"}


def test_nothing_is_shown_where_nothing_is_known_or_made() -> None:
    assert index_table(None) is None
    assert plan_table(None) is None
    nothing = database_evidence({"before": Catalogue(INDEXES[:1]), "after": Catalogue(INDEXES[:1])}, {}, {})
    assert index_table(nothing) is None
    assert plan_table(nothing) is None


def test_the_plans_in_strings() -> None:
    table = plan_table(findings())
    assert table
    assert table.sentence == (
        "1 statement with another query plan (1 had a Seq Scan before); 1 run only in before, 1 only in after."
    )
    (row,) = table.changed
    assert (row.before.buffers.text, row.after.buffers.text, row.before.rows.text) == ("412", "6", "4,000")
    assert row.after.tree == (
        "Limit  (20 rows, 6 buffers)\n"
        "  Index Scan (finds rows by index) of contents using by_score  (20 rows, 6 buffers)"
    )
    (others,) = table.single
    assert others.endpoints == "other requests"
    assert [(row.alone, len(row.short) <= LONGEST) for row in others.rows] == [("before", True), ("after", True)]
    assert table.same == "2 statements with an unchanged query plan."


def test_estimates_say_that_they_are() -> None:
    table = plan_table(findings(estimated=True))
    assert table
    shown = TEMPLATES.get_template("_plans.html.j2").render(page=SimpleNamespace(plans=table))
    assert "These query plans are estimates" in shown
    assert table.missing == "no log"
    assert table.changed[0].before.rows.why


def test_machines_get_all_of_it() -> None:
    told = findings()
    record = indexes_record(told)
    assert [one["name"] for one in record["indexes"]][:2] == ["broken", "by_day"]
    assert {one["name"]: one["findings"] for one in record["indexes"]}["by_score_2"] == [
        {"finding": "duplicate", "other": "by_score"}
    ]
    plans = plans_record(told)
    assert plans["statements"][0]["before"]["tables"] == [
        {"table": "contents", "way": "Seq Scan", "index": None, "rows": 4000.0}
    ]
    assert to_json(record)
    assert to_json(plans)


def test_text_of_others_steers_nothing() -> None:
    evil = replace(FOUND, parts=(replace(FOUND.parts[0], relation="c\x1b[2J", index="i\u202e"),))
    told = words(plan_change_of(plan(SORTED), plan(evil)))
    assert "\x1b" not in told
    assert "\u202e" not in told
