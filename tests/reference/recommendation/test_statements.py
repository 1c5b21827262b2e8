"""How many statements an answer costs, and where it came from, as its headers say."""

import pytest

from tests.reference.running import Answer, Client

USER = 13  # without interests, so that the list is long


def test_baseline_costs_one_statement_and_one_more_for_each_item(baseline: Client) -> None:
    for limit in (1, 10, 40):
        answer = baseline.get(f"/recommendations/{USER}?limit={limit}")
        assert answer.queries == 1 + len(answer.body["items"]) == 1 + limit  # type: ignore[index] # a list's shape


def test_optimized_costs_one_statement_cold_and_none_cached(optimized: Client) -> None:
    path = f"/recommendations/{USER}?limit=40"
    assert [(answer.cache, answer.queries) for answer in (optimized.get(path), optimized.get(path))] == [
        ("miss", 1),
        ("hit", 0),
    ]


def test_a_hit_is_the_same_answer(either: Client) -> None:
    first, second = either.get("/recommendations/14"), either.get("/recommendations/14")
    assert (first.cache, second.cache) == ("miss", "hit")
    assert first.body == second.body


def test_any_write_empties_the_cache_of_baseline(baseline: Client) -> None:
    read = ["/recommendations/2", "/recommendations/3", "/content/5"]
    for path in read:
        baseline.get(path)
    assert [baseline.get(path).cache for path in read] == ["hit", "hit", "hit"]
    assert interact(baseline, user=100, content=77).cache == "bypass"
    assert [baseline.get(path).cache for path in read] == ["miss", "miss", "miss"]


def test_a_write_takes_from_optimized_only_what_it_touched(optimized: Client) -> None:
    read = ["/recommendations/2", "/recommendations/3", "/content/5", "/content/77"]
    for path in read:
        optimized.get(path)
    assert interact(optimized, user=2, content=77).cache == "bypass"
    assert [optimized.get(path).cache for path in read] == ["miss", "hit", "hit", "miss"]


def test_a_new_content_without_score_leaves_full_lists_alone(optimized: Client) -> None:
    optimized.get("/recommendations/3?limit=5")
    new = {"creator_id": 1, "title": "new", "body": "", "tags": ["nature-classics"]}  # one that user 3 is interested in
    assert optimized.send("POST", "/content", new).status == 201
    assert optimized.get("/recommendations/3?limit=5").cache == "hit"


def test_the_hundred_best_contents_are_cached_before_the_first_request(optimized: Client) -> None:
    assert optimized.get("/content/50").cache == "hit"


@pytest.mark.parametrize("path", ["/nothing", "/content/0", "/content/999999", "/health/live", "/metrics/cache"])
def test_every_answer_says_so(either: Client, path: str) -> None:
    answer = either.get(path)  # reads both headers
    looked_up = path == "/content/999999"
    assert answer.cache == ("miss" if looked_up else "bypass")


def test_score_update_is_one_update_beside_its_settings(optimized: Client) -> None:
    body = {"as_of": "2026-01-01T00:00:00Z"}
    first, again = (optimized.send("POST", "/engagement-scores", body) for _ in range(2))
    assert (first.queries, again.queries) == (3, 3)
    assert first.body["updated"] > 0  # type: ignore[index] # an object
    assert again.body["updated"] == 0  # type: ignore[index] # an object


def interact(client: Client, user: int, content: int) -> Answer:
    return client.send("POST", "/interactions", {"user_id": user, "content_id": content, "kind": "view"})
