"""Database evidence from both arms, and the ablation of an index."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import RunFolderError
from harness.evidence.ablation import ablation_of, plan_change
from harness.evidence.catalogue import DatabaseEvidence, database_evidence, indexes_used
from harness.evidence.indexes import FlawKind, index_caveats
from harness.record.ablation import Ablation, EndpointAblation
from harness.record.catalogue import (
    Catalogue,
    CatalogueStore,
    Index,
    IndexBuild,
    IndexCounts,
    IndexKey,
    IndexScans,
    RecordedPlans,
)
from harness.record.query_plans import ExplainedStatement, PlanNode
from harness.record.request_work import CorpusRequest, RequestWork, StatementText, StatementWork
from harness.record.run_folder import RunFolder
from harness.record.statements import Counts

NEW = Index("new", "items", (IndexKey("a"),), size_bytes=8192)
OLD = Index("old", "items", (IndexKey("id"),), unique=True, primary=True, constraint="old")
CATALOGUES = {"before": Catalogue((OLD,)), "after": Catalogue((OLD, NEW))}
READ = StatementText("f1", "SELECT * FROM items WHERE a = $1")
WRITE = StatementText("f2", "INSERT INTO items (a) VALUES ($1)")
ELSEWHERE = StatementText("f3", "SELECT * FROM old_items")


def plan(kind: str, index: str = "") -> ExplainedStatement:
    return ExplainedStatement("f1", READ.text, PlanNode(kind, "items", index, rows=3, pages=4), None, 1.0)


def inspected(*requests: CorpusRequest) -> RequestWork:
    return RequestWork("after", (READ, WRITE, ELSEWHERE), requests)


def asked(n: int, endpoint: str, *work: tuple[int, float, float], cache: str | None = None) -> CorpusRequest:
    done = tuple(StatementWork(statement, Counts(1, 1, pages, 0, wal)) for statement, pages, wal in work)
    return CorpusRequest(n, endpoint, cache=cache, work=done)


def found(**more: object) -> DatabaseEvidence:
    surveys = {
        "before": RecordedPlans((plan("Seq Scan"),)),
        "after": RecordedPlans((plan("Index Scan", "new"),), requests=60),
    }
    seen = {"after": inspected(asked(1, "GET /items", (0, 4, 0)))}
    made = database_evidence(CATALOGUES, surveys, seen, **more)  # type: ignore[arg-type] # keywords of it
    assert made
    return made


def test_both_arms_side_by_side() -> None:
    tells = found(
        loaded=[IndexCounts("new", 5, 50), IndexCounts("new", 2, 20), IndexCounts("gone", 1, 1)],
        built=[IndexBuild("new", 1.5)],
        requests=900,
    )
    (entry,) = tells.indexes.created
    assert (entry.index, entry.use, entry.seconds) == (NEW, IndexScans(7, 70), 1.5)
    assert tells.requests == 960
    assert tells.endpoints == {(None, "f1"): ("GET /items",)}
    assert indexes_used(tells) == {"GET /items": ("new",)}
    assert not tells.ablated


def test_requests_of_the_load_count_only_where_uses_were_counted_in_them() -> None:
    assert found(requests=900).requests == 60


def test_without_the_catalogue_of_an_arm_there_is_no_evidence() -> None:
    assert database_evidence({"before": Catalogue()}, {}, {}) is None


def test_plans_of_one_arm_alone_are_no_difference() -> None:
    tells = database_evidence(CATALOGUES, {"after": RecordedPlans((plan("Seq Scan"),))}, {})
    assert tells
    assert tells.plan_changes == ()


def without(whole: Sequence[CorpusRequest], less: Sequence[CorpusRequest]) -> dict[str, EndpointAblation]:
    plans = [plan("Index Scan", "new")], [plan("Seq Scan")]
    return {
        one.endpoint: one
        for one in ablation_of(NEW, (inspected(*whole), plans[0]), (inspected(*less), plans[1])).endpoints
    }


def test_what_an_index_saves_and_costs_by_endpoint() -> None:
    whole = [asked(n, "GET /items", (0, 4, 0)) for n in range(1, 5)] + [asked(5, "POST /items", (1, 3, 180))]
    less = [asked(n, "GET /items", (0, 40, 0)) for n in range(1, 5)] + [asked(5, "POST /items", (1, 2, 100))]
    told = without(whole, less)
    assert (told["GET /items"].pages_saved, told["GET /items"].wal_added) == (36, 0)
    assert (told["POST /items"].pages_saved, told["POST /items"].wal_added) == (0, 80)
    assert (told["POST /items"].pages_added, told["GET /items"].pages_added) == (1, 0)


def test_statements_that_do_not_name_the_table_are_not_the_index() -> None:
    told = without([asked(1, "GET /old", (2, 5, 0))], [asked(1, "GET /old", (2, 500, 0))])
    assert told["GET /old"].pages_saved == 0


def test_one_request_that_read_more_among_many_that_did_not_is_chance() -> None:
    whole = [asked(n, "POST /items", (1, 10, 0)) for n in range(8)]
    less = [asked(0, "POST /items", (1, 100, 0)), *(asked(n, "POST /items", (1, 9, 0)) for n in range(1, 8))]
    assert without(whole, less)["POST /items"].pages_saved == 0


def test_cache_hits_count_as_requests_without_database_work() -> None:
    hits = [asked(n, "GET /items", cache="hit") for n in range(2, 10)]
    one, other = asked(1, "GET /items", (0, 4, 0)), asked(1, "GET /items", (0, 44, 0))
    told = without([one, *hits], [other, *hits])["GET /items"]
    assert told.requests == 9
    assert told.pages_saved == pytest.approx(40 / 9)


def test_requests_with_another_result_are_left_out() -> None:
    whole = [asked(1, "GET /items", (0, 4, 0)), asked(2, "GET /items", (0, 4, 0))]
    failed, other = replace(asked(1, "GET /items", (0, 40, 0)), failed=True), asked(2, "GET /else", (0, 40, 0))
    assert without(whole, [failed, other]) == {}


def test_the_statement_that_needs_the_index_most_with_both_its_plans() -> None:
    seen = (
        (inspected(asked(1, "GET /items", (0, 4, 0), (1, 3, 0))), [plan("Index Scan", "new")]),
        (inspected(asked(1, "GET /items", (0, 40, 0), (1, 4, 0))), [plan("Seq Scan")]),
    )
    worse = ablation_of(NEW, *seen).worse
    assert worse
    assert (worse.fingerprint, worse.pages_with, worse.pages_without) == ("f1", 4, 40)
    change = plan_change(worse)
    assert change
    assert [access.scan for access in change.tables[0][1]] == ["Seq Scan"]
    assert ablation_of(NEW, seen[0], seen[0]).worse is None


def test_invalid_and_duplicate_indexes_are_caveats_and_others_are_not() -> None:
    broken = Index("broken", "items", (IndexKey("a"),), valid=False)
    copy, unused = Index("newer", "items", (IndexKey("a"),)), Index("unused", "items", (IndexKey("z"),))
    after = Catalogue((OLD, NEW, copy, broken, unused))
    counted = [IndexCounts(one.name, 0, 0) for one in after.indexes]
    tells = database_evidence({"before": Catalogue((OLD,)), "after": after}, {}, {}, loaded=counted, requests=5)
    assert tells
    caveats = list(index_caveats(tells.indexes.flaws))
    assert [caveat.code for caveat in caveats] == ["INDEX_INVALID", "INDEX_DUPLICATE"]
    assert "broken on items is INVALID" in caveats[0].seen
    assert (caveats[1].seen, caveats[1].advice) == (
        "the index newer on items is a duplicate of new",
        "DROP INDEX CONCURRENTLY newer",
    )
    assert FlawKind.UNUSED in {flaw.kind for flaw in tells.indexes.flaws}


def test_recorded_evidence_is_read_back(tmp_path: Path) -> None:
    store = CatalogueStore(RunFolder(tmp_path))
    assert (store.read_catalogues(), store.read_plans(), store.read_ablation()) == ({}, {}, None)
    survey = RecordedPlans((plan("Index Scan", "new"),), (IndexCounts("new", 1, 2, "shop"),), 60, "why")
    seen = inspected(asked(1, "GET /items", (0, 4, 0))), [plan("Seq Scan")]
    more = inspected(asked(1, "GET /items", (0, 40, 0))), [plan("Seq Scan")]
    ablation = Ablation((ablation_of(NEW, seen, more),), (("old", "primary key"),), 1)
    for arm, catalogue in CATALOGUES.items():
        store.write_catalogue(arm, catalogue)
    store.write_plans("after", survey)
    store.write_ablation(ablation)
    assert store.read_catalogues() == CATALOGUES
    assert store.read_plans() == {"after": survey}
    assert store.read_ablation() == ablation


@pytest.mark.parametrize("text", ["{", "[]", '{"schema": 2}', json.dumps({"schema": 1, "indexes": [{"name": 1}]})])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    store = CatalogueStore(RunFolder(tmp_path))
    store.write_catalogue("after", Catalogue())
    path = tmp_path / "evidence/catalogues/after.json"
    path.write_text(text)
    with pytest.raises(RunFolderError, match=r"evidence/catalogues/after\.json"):
        store.read_catalogues()
