"""Query plans of any content are read and compared node by node."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from harness.evidence.query_plans import Access, PlanChange, node_label, plan_change_of, plan_changes
from harness.record.query_plans import ExplainedStatement, PlanNode, parse_explain, without_values


def step(kind: str, *parts: dict[str, Any], **facts: object) -> dict[str, Any]:
    found = {"Node Type": kind, "Actual Rows": 1, "Actual Loops": 1, "Shared Hit Blocks": 1, "Shared Read Blocks": 0}
    return found | {key.replace("_", " "): value for key, value in facts.items()} | ({"Plans": parts} if parts else {})


def explained(plan: dict[str, Any], fingerprint: str = "f", calls: int = 1) -> ExplainedStatement:
    root = parse_explain([json.loads(json.dumps({"Plan": plan}))])
    assert root
    return ExplainedStatement(fingerprint, "SELECT", root, None, 1.0, calls)


WHOLE = step(
    "Limit",
    step(
        "Sort",
        step(
            "Seq Scan",
            Relation_Name="contents",
            Actual_Rows=3900,
            Rows_Removed_by_Filter=100,
            Shared_Hit_Blocks=400,
            Shared_Read_Blocks=12,
        ),
        Actual_Rows=3900,
        Shared_Hit_Blocks=400,
        Shared_Read_Blocks=12,
    ),
    Actual_Rows=20,
    Shared_Hit_Blocks=400,
    Shared_Read_Blocks=12,
)
FOUND = step(
    "Limit",
    step(
        "Index Scan",
        Relation_Name="contents",
        Index_Name="contents_by_engagement",
        Actual_Rows=20,
        Shared_Hit_Blocks=6,
    ),
    Actual_Rows=20,
    Shared_Hit_Blocks=6,
)


def test_a_seq_scan_that_becomes_an_index_scan() -> None:
    change = plan_change_of(explained(WHOLE), explained(FOUND))
    (one,) = change.tables
    assert one == (
        (Access("contents", "Seq Scan", "", 4000),),
        (Access("contents", "Index Scan", "contents_by_engagement", 20),),
    )
    assert change.buffers == (412, 6)
    assert change.rows_scanned == (4000, 20)
    assert [(gone.name, gone.rows) for gone in change.removed] == [("sort", 3900)]
    assert change.added == ()
    assert not change.same


def test_the_same_plan_is_the_same_whatever_it_cost() -> None:
    other = json.loads(json.dumps(WHOLE).replace("400", "800"))
    assert plan_change_of(explained(WHOLE), explained(other)).same


def test_rows_are_those_of_all_loops() -> None:
    inner = step("Index Scan", Relation_Name="t", Index_Name="i", Actual_Rows=2.5, Actual_Loops=40)
    root = explained(step("Nested Loop", step("Seq Scan", Relation_Name="s", Actual_Rows=40), inner)).root
    assert [node.rows for node in root] == [1, 40, 100]
    assert root.examined == 140


def test_a_bitmap_names_the_indexes_below_it_and_counts_its_rows_once() -> None:
    parts = [step("Bitmap Index Scan", Index_Name=name, Actual_Rows=500) for name in ("b", "a")]
    plan = step("Bitmap Heap Scan", step("BitmapAnd", *parts), Relation_Name="t", Actual_Rows=7)
    change = plan_change_of(explained(plan), explained(FOUND))
    assert change.tables[0][0] == (Access("t", "Bitmap Heap Scan", "a and b", 7),)
    assert change.rows_scanned[0] == 7


def test_nodes_that_never_ran_count_only_in_estimated_plans() -> None:
    never = step("Seq Scan", Relation_Name="archive", Actual_Loops=0, Actual_Rows=0)
    plan = step("Append", step("Seq Scan", Relation_Name="days"), never)
    assert [table[0][0].relation for table in plan_change_of(explained(plan), explained(FOUND)).tables if table[0]] == [
        "days"
    ]
    estimated = {"Node Type": "Seq Scan", "Relation Name": "archive", "Plan Rows": 10}
    assert plan_change_of(explained(estimated), explained(FOUND)).tables[0][0][0].rows == 10


def test_joins_groups_and_helpers_are_steps() -> None:
    sides = step("Seq Scan", Relation_Name="a"), step("Seq Scan", Relation_Name="b")
    before = step("Aggregate", step("Hash Join", sides[0], step("Hash", sides[1])), Strategy="Hashed")
    after = step("Gather", step("Nested Loop", sides[0], step("Memoize", sides[1])), Workers_Launched=2)
    change = plan_change_of(explained(before), explained(after))
    assert not change.tables
    assert {one.name for one in change.removed} == {"hash join", "hash aggregate"}
    assert {one.name for one in change.added} == {"parallel workers", "nested loop", "memoize"}


def test_a_sort_on_disk_is_another_operation() -> None:
    on_disk = json.loads(json.dumps(WHOLE).replace('"Sort"', '"Sort", "Sort Space Type": "Disk"'))
    change = plan_change_of(explained(WHOLE), explained(on_disk))
    assert ([one.name for one in change.removed], [one.name for one in change.added]) == (["sort"], ["sort on disk"])


def test_statements_of_one_arm_alone_come_after_those_whose_plan_changed() -> None:
    before = [
        explained(WHOLE, "same"),
        explained(WHOLE, "small"),
        explained(WHOLE, "gone"),
        explained(WHOLE, "large", 9),
    ]
    after = [explained(WHOLE, "same"), explained(FOUND, "small"), explained(FOUND, "large"), explained(FOUND, "new")]

    def told(change: PlanChange) -> tuple[str, bool, bool]:
        return change.either.fingerprint, bool(change.before), bool(change.after)

    assert [told(change) for change in plan_changes(before, after)] == [
        ("large", True, True),
        ("small", True, True),
        ("gone", True, False),
        ("new", False, True),
        ("same", True, True),
    ]


def test_a_node_is_labelled_as_explain_names_it() -> None:
    assert node_label(PlanNode("Quantum Scan")) == "Quantum Scan"
    assert node_label(PlanNode("ModifyTable", how="Delete")) == "Delete"
    assert node_label(PlanNode("Seq Scan")) == "Seq Scan (reads the whole table)"


def test_no_value_of_a_condition_is_kept() -> None:
    condition = "((owner = 42) AND (name = 'it''s'::text) AND (t1.x > '-5'::integer) AND (score < 0.5))"
    assert without_values(condition) == "((owner = ?) AND (name = ?) AND (t1.x > ?) AND (score < ?))"


trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["Plan", "Plans", "Node Type", "Actual Rows", "Actual Loops", "Sort Key", "Shared Hit Blocks",
                         "Relation Name", "Index Name", "Strategy", "Workers Launched", "Schema", "Filter"]),
        inner,
        max_size=6,
    ),
    max_leaves=20,
)  # fmt: skip


@given(trees, trees)
def test_whatever_a_plan_holds_it_is_read_and_compared(one: object, other: object) -> None:
    plans = [
        ExplainedStatement("f", "", root)
        for raw in (one, other)
        if (root := parse_explain({"Plan": raw} if raw else raw))
    ]
    for plan in plans:
        list(map(node_label, plan.root))
        plan_change_of(plan, plans[-1]).weight  # noqa: B018 - it is computed


def test_a_plan_of_many_levels_is_read() -> None:
    raw = step("Seq Scan")
    for _ in range(400):
        raw = {"Node Type": "Append", "Plans": [raw]}
    assert parse_explain({"Plan": raw})
