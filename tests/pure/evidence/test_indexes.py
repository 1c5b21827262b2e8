"""Flaws of indexes, and indexes that are never flagged."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.evidence.indexes import FlawKind, MigrationIndexes, Workload, migration_indexes
from harness.record.ablation import EndpointAblation, IndexAblation
from harness.record.catalogue import Catalogue, ForeignKey, Index, IndexKey, IndexScans

A, B, C = IndexKey("a"), IndexKey("b"), IndexKey("c")
PARENT = ForeignKey("t_a_fkey", "t", ("a",), "parents")
BEFORE = Catalogue(
    (Index("t_pkey", "t", (IndexKey("id"),), unique=True, primary=True, constraint="t_pkey"),), (PARENT,)
)


def index(name: str, *keys: IndexKey, **facts: object) -> Index:
    return replace(Index(name, "t", keys), **facts)  # type: ignore[arg-type] # facts of an index


def ledger(*made: Index, uses: dict[str, int] | None = None, keys: Sequence[ForeignKey] = ()) -> MigrationIndexes:
    after = Catalogue(BEFORE.indexes + made, tuple(keys))
    counted = {i.place: IndexScans((uses or {}).get(i.name, 1)) for i in after.indexes}
    return migration_indexes(BEFORE, after, Workload(counted))


def flaws(found: MigrationIndexes) -> dict[str, tuple[FlawKind, str | None]]:
    return {flaw.index.name: (flaw.kind, flaw.other.name if flaw.other else None) for flaw in found.flaws}


CASES = {
    "an index that nothing used": ([index("x", B)], {"x": 0}, {"x": (FlawKind.UNUSED, None)}),
    "one that was used once": ([index("x", B)], {"x": 1}, {}),
    "a copy: the first by name stays": ([index("x", B), index("y", B)], {}, {"y": (FlawKind.DUPLICATE, "x")}),
    "an unused pair of copies: each has one flaw": (
        [index("x", B), index("y", B)],
        {"x": 0, "y": 0},
        {"x": (FlawKind.UNUSED, None), "y": (FlawKind.DUPLICATE, "x")},
    ),
    "the server used the copy that is to go": (
        [index("x", B), index("y", B)],
        {"x": 0, "y": 9},
        {"y": (FlawKind.DUPLICATE, "x")},
    ),
    "the server used the shorter ones": (
        [index("w", B), index("x", B), index("y", B, C)],
        {"w": 0, "x": 9, "y": 0},
        {"w": (FlawKind.PREFIX, "y"), "x": (FlawKind.DUPLICATE, "w")},
    ),
    "a copy of a unique index: that one stays": (
        [index("x", B), index("y", B, unique=True)],
        {},
        {"x": (FlawKind.DUPLICATE, "y")},
    ),
    "copies that are both unique": ([index("x", B, unique=True), index("y", B, unique=True)], {}, {}),
    "a beginning of another": ([index("x", B), index("y", B, C)], {}, {"x": (FlawKind.PREFIX, "y")}),
    "of several the shortest": (
        [index("x", B), index("z", B, C, IndexKey("d")), index("y", B, C)],
        {},
        {"x": (FlawKind.PREFIX, "y"), "y": (FlawKind.PREFIX, "z")},
    ),
    "a beginning that keeps rows unique": ([index("x", B, unique=True), index("y", B, C)], {}, {}),
    "not the first columns": ([index("x", C), index("y", B, C)], {}, {}),
    "another direction": ([index("x", replace(B, descending=True)), index("y", B, C)], {}, {}),
    "another collation": ([index("x", replace(B, collation="C")), index("y", B)], {}, {}),
    "another operator class": ([index("x", replace(B, opclass="text_pattern_ops")), index("y", B)], {}, {}),
    "another condition": ([index("x", B, predicate="c > 0"), index("y", B, C)], {}, {}),
    "the same condition": (
        [index("x", B, predicate="c > 0"), index("y", B, C, predicate="c > 0")],
        {},
        {"x": (FlawKind.PREFIX, "y")},
    ),
    "another table": ([index("x", B), replace(index("y", B), table="u")], {}, {}),
    "another method": ([index("x", B), index("y", B, method="hash")], {}, {}),
    "a copy that is no btree": (
        [index("x", B, method="gin"), index("y", B, method="gin")],
        {},
        {"y": (FlawKind.DUPLICATE, "x")},
    ),
    "no beginning of what is no btree": ([index("x", B, method="gist"), index("y", B, C, method="gist")], {}, {}),
    "stores more than the other": ([index("x", B, include=("d",)), index("y", B, C)], {}, {}),
    "stores what the other has": (
        [index("x", B, include=("c",)), index("y", B, C)],
        {},
        {"x": (FlawKind.PREFIX, "y")},
    ),
    "INVALID, though unique": ([index("x", B, unique=True, valid=False)], {"x": 0}, {"x": (FlawKind.INVALID, None)}),
    "a beginning of one that is INVALID": (
        [index("x", B), index("y", B, C, valid=False)],
        {},
        {"y": (FlawKind.INVALID, None)},
    ),
    "an exclusion constraint": ([index("x", B, method="gist", constraint="x")], {"x": 0}, {}),
    "a replica identity": ([index("x", B, replica_identity=True)], {"x": 0}, {}),
    "serves a foreign key": ([index("x", A)], {"x": 0}, {}),
    "serves one with further columns": ([index("x", A, B)], {"x": 0}, {}),
    "serves one, as a beginning": ([index("x", A), index("y", A, B)], {"x": 0, "y": 0}, {}),
    "a copy of what serves one: the other serves it": (
        [index("x", A), index("y", A)],
        {"x": 0, "y": 0},
        {"y": (FlawKind.DUPLICATE, "x")},
    ),
    "does not serve one: not its first column": ([index("x", B, A)], {"x": 0}, {"x": (FlawKind.UNUSED, None)}),
    "does not serve one: not all rows": (
        [index("x", A, predicate="b > 0")],
        {"x": 0},
        {"x": (FlawKind.UNUSED, None)},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_flaws(case: str) -> None:
    made, uses, expected = CASES[case]
    assert flaws(ledger(*made, uses=uses, keys=[PARENT])) == expected


def test_the_older_of_two_duplicates_is_kept() -> None:
    before = Catalogue((index("z", B),))
    after = Catalogue((index("a", B), index("z", B)))
    assert flaws(migration_indexes(before, after, Workload())) == {"a": (FlawKind.DUPLICATE, "z")}


def test_an_older_index_is_not_flagged_as_unused_but_as_redundant() -> None:
    before = Catalogue((index("x", B), index("z", C)))
    after = Catalogue((*before.indexes, index("y", B, C)))
    uses = {one.place: IndexScans(0) for one in after.indexes}
    found = migration_indexes(before, after, Workload(uses))
    assert flaws(found) == {"x": (FlawKind.PREFIX, "y"), "y": (FlawKind.UNUSED, None)}
    assert [entry.index.name for entry in found.created] == ["y"]
    assert [entry.index.name for entry in found.entries] == ["y", "x", "z"]


def test_without_counts_no_index_is_unused() -> None:
    found = migration_indexes(BEFORE, Catalogue((*BEFORE.indexes, index("x", B))), Workload(None))
    assert not found.flaws
    assert found.created[0].use is None


def test_an_index_of_a_partitioned_table_is_one_whatever_its_parts() -> None:
    after = Catalogue((
        index("p", B),
        replace(index("p1", B, parent="p"), table="t1"),
        replace(index("p2", B, parent="p"), table="t2"),
        replace(index("p11", B, parent="p1"), table="t11"),
    ))  # fmt: skip
    used = migration_indexes(
        Catalogue(), after, Workload({(None, "p11"): IndexScans(3, 30), (None, "p2"): IndexScans(0)})
    )
    assert [entry.index.name for entry in used.entries] == ["p"]
    assert used.entries[0].use == IndexScans(3, 30)
    unused = migration_indexes(
        Catalogue(), after, Workload({(None, "p11"): IndexScans(0), (None, "p2"): IndexScans(0)})
    )
    assert flaws(unused) == {"p": (FlawKind.UNUSED, None)}


def test_services_have_indexes_of_the_same_name() -> None:
    after = Catalogue((index("x", B, service="auth"), index("x", B, service="pay")))
    found = migration_indexes(Catalogue(), after, Workload({("auth", "x"): IndexScans(0), ("pay", "x"): IndexScans(5)}))
    assert [(flaw.index.service, flaw.kind) for flaw in found.flaws] == [("auth", FlawKind.UNUSED)]


def test_removed_indexes_and_foreign_keys_without_an_index() -> None:
    before = Catalogue((index("x", A), index("y", B)), (PARENT,))
    found = migration_indexes(before, Catalogue((index("y", B),), (PARENT,)), Workload())
    assert [one.name for one in found.removed] == ["x"]
    assert found.unindexed_keys == (PARENT,)


def test_an_index_rebuilt_under_its_name_belongs_to_the_migration() -> None:
    before = Catalogue((index("x", B), index("y", B, valid=False)))
    found = migration_indexes(before, Catalogue((index("x", C), index("y", B))), Workload())
    assert [entry.index.name for entry in found.created] == ["x", "y"]


def test_an_index_is_shown_as_it_is_created() -> None:
    one = index("x", replace(B, descending=True, nulls_first=True), C, include=("d",), predicate="c > 0")
    assert one.shown == "t (b DESC, c) INCLUDE (d) WHERE c > 0"
    assert index("x", replace(B, descending=True), replace(C, nulls_first=True)).shown == (
        "t (b DESC NULLS LAST, c NULLS FIRST)"
    )
    assert index("x", B, method="gin").shown == "t using gin (b)"


keys = st.lists(st.builds(IndexKey, st.sampled_from("abc"), descending=st.booleans()), min_size=1, max_size=3)
indexes = st.builds(
    Index,
    st.sampled_from([f"i{n}" for n in range(12)]),
    st.sampled_from(["t", "u"]),
    keys.map(tuple),
    unique=st.booleans(),
    primary=st.booleans(),
    constraint=st.none() | st.just("k"),
    replica_identity=st.booleans(),
    predicate=st.sampled_from(["", "a > 0"]),
    valid=st.sampled_from([True, True, True, False]),
)
catalogues = st.builds(
    Catalogue,
    st.lists(indexes, max_size=8, unique_by=lambda one: one.name).map(tuple),
    st.lists(
        st.builds(ForeignKey, st.just("f"), st.sampled_from("tu"), st.sampled_from([("a",), ("a", "b")]), st.just("p")),
        max_size=2,
    ).map(tuple),
)  # fmt: skip


@given(catalogues, st.sets(st.sampled_from([f"i{n}" for n in range(12)])))
def test_dropping_all_flagged_indexes_leaves_every_need_served(after: Catalogue, used: set[str]) -> None:
    uses = {one.place: IndexScans(int(one.name in used)) for one in after.indexes}
    found = migration_indexes(Catalogue(), after, Workload(uses))
    flagged = {flaw.index.place: flaw for entry in found.entries for flaw in entry.flaws}
    left = [one for one in after.indexes if one.place not in flagged]
    for flaw in flagged.values():
        one = flaw.index
        if flaw.kind is FlawKind.INVALID:
            assert not one.valid
            continue
        assert not any((one.unique, one.primary, one.constraint, one.replica_identity))
        if flaw.kind is FlawKind.UNUSED:
            assert one.name not in used
        else:
            assert flaw.other
            assert flaw.other.valid
            assert [key.text for key in flaw.other.keys][: len(one.keys)] == [key.text for key in one.keys]
    for one in after.indexes:
        if one.name in used and one.valid:
            assert any(other == one or other.duplicates(one) or other.extends(one) for other in left)
    for key in after.foreign_keys:
        assert any(map(key.served_by, left)) == any(map(key.served_by, after.indexes))


@given(catalogues)
def test_an_index_has_at_most_one_flaw(after: Catalogue) -> None:
    found = migration_indexes(Catalogue(), after, Workload({one.place: IndexScans(0) for one in after.indexes}))
    assert all(len(entry.flaws) <= 1 for entry in found.entries)


def test_a_difference_within_chance_is_none() -> None:
    one = IndexAblation(
        "x",
        (EndpointAblation("GET /", 10, 6.0, 412.0, 0, 0), EndpointAblation("POST /", 5, 100.0, 100.5, 250.0, 170.0)),
    )
    assert [(w.endpoint, w.pages_saved) for w in one.saved] == [("GET /", 406.0)]
    assert [(w.endpoint, w.wal_added) for w in one.written] == [("POST /", 80.0)]
