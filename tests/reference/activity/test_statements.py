"""How many statements an answer costs, where it came from, and what a write takes from the cache."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.reference.activity.rows import EFFORT, MEMBERS, busiest, done_by, members_of, teams_of
from tests.reference.costs import costs_one_statement_and_none_cached
from tests.reference.running import Answer, Client, RedisServer

TEAM, OTHER, *_ = busiest("teams")
USER = next(user for user in members_of(TEAM) if len(done_by(user)) > 5)
FELLOW = next(user for user in members_of(TEAM) if user != USER)
STRANGER = next(user for user, _ in MEMBERS if not set(teams_of(user)) & {TEAM})
OWN = next(activity["id"] for activity in done_by(USER) if activity["team_id"] == TEAM and not activity["private"])
THIS, BEFORE, LONG_AGO = "2025-12-31", "2025-12-24", "2025-06-15"
NEW = EFFORT | {"user_id": USER, "team_id": TEAM}  # of this week
READ = {
    "dashboard": f"/dashboards/{USER}",
    "of a fellow": f"/dashboards/{FELLOW}",
    "of a stranger": f"/dashboards/{STRANGER}",
    "progress": f"/teams/{TEAM}/progress",
    "progress elsewhere": f"/teams/{OTHER}/progress",
    "history": f"/activities/user/{USER}",
    "history of a fellow": f"/activities/user/{FELLOW}",
    "this week": f"/teams/{TEAM}/leaderboards/{THIS}",
    "next week": f"/teams/{TEAM}/leaderboards/2026-01-05",
    "elsewhere": f"/teams/{OTHER}/leaderboards/{THIS}",
    "long ago": f"/teams/{TEAM}/leaderboards/{LONG_AGO}",
    "all": f"/leaderboards/{THIS}",
    "all, next week": "/leaderboards/2026-01-05",
    "all, long ago": f"/leaderboards/{LONG_AGO}",
}
COUNTED = {"dashboard", "of a fellow", "progress", "history", "this week", "next week", "all", "all, next week"}


def test_baseline_costs_statements_for_each_thing(baseline: Client) -> None:
    teams, members = len(teams_of(USER)), len(members_of(TEAM))
    assert baseline.get(READ["dashboard"]).queries == 3 + 2 * teams + 5
    assert baseline.get(READ["progress"]).queries == 3 + members
    assert baseline.get(f"{READ['history']}?limit=7").queries == 1 + 7
    board = baseline.get(f"{READ['this week']}?limit=2")
    assert board.queries > 3 + 2  # and one for each who moved, in either week
    assert baseline.get(f"{READ['all']}?limit=2").queries == 2 + 2


@pytest.mark.parametrize("path", READ.values(), ids=READ)
def test_optimized_costs_one_statement_cold_and_none_cached(
    optimized: Client, redis_server: RedisServer, path: str
) -> None:
    costs_one_statement_and_none_cached(optimized, redis_server, path)


def test_writes_cost_one_statement_instead_of_several(optimized: Client, baseline: Client) -> None:
    many = {"user_id": USER, "activities": [EFFORT | {"team_id": TEAM}] * 20}
    for client, costs in ((baseline, [4, 42 + 20, 2, 2]), (optimized, [1, 1, 1, 1])):
        created = client.send("POST", "/activities", NEW)
        uploaded = client.send("POST", "/activities/bulk", many)
        identity = items(uploaded)[0]["id"]
        changed = client.send("PATCH", f"/activities/{identity}", {"note": "remark"})
        removed = client.send("DELETE", f"/activities/{identity}")
        answers = [created, uploaded, changed, removed]
        assert [answer.status for answer in answers] == [201, 201, 200, 200]
        assert [answer.queries for answer in answers] == costs


def test_pages_follow_one_another_to_the_end(either: Client) -> None:
    path, seen = f"/activities/user/{USER}?limit=40", []
    page = either.get(path).body
    while isinstance(page, dict):
        seen += [activity["id"] for activity in page["items"]]
        page = either.get(f"{path}&before={page['next']}").body if page["next"] else None
    assert len(seen) == len(set(seen)) >= len(done_by(USER))
    assert seen[-40:] == [activity["id"] for activity in done_by(USER)][-40:]


def test_any_write_empties_the_cache_of_baseline(baseline: Client) -> None:
    remark = {"note": "remark"}
    assert gone(baseline, lambda: baseline.send("PATCH", f"/activities/{OWN}", remark)) == set(READ)


def test_an_activity_takes_from_optimized_only_what_it_touched(optimized: Client) -> None:
    assert gone(optimized, lambda: optimized.send("POST", "/activities", NEW)) == COUNTED
    many = {"user_id": USER, "activities": [EFFORT | {"team_id": TEAM}] * 3}
    assert gone(optimized, lambda: optimized.send("POST", "/activities/bulk", many)) == COUNTED


def test_a_remark_takes_a_history_alone(optimized: Client) -> None:
    change = {"note": "remark", "duration_seconds": 60}
    assert gone(optimized, lambda: optimized.send("PATCH", f"/activities/{OWN}", change)) == {"history"}


def test_a_refused_write_takes_nothing(optimized: Client) -> None:
    foreign = NEW | {"user_id": STRANGER}
    assert gone(optimized, lambda: optimized.send("POST", "/activities", foreign)) == set()


@pytest.mark.parametrize("day", [THIS, BEFORE])
def test_places_say_how_many_were_passed_since_the_week_before(either: Client, day: str) -> None:
    board = items(either.get(f"/leaderboards/{day}?limit=100"))
    assert board[0]["percentile"] == 100
    assert [place["place"] for place in board] == sorted(place["place"] for place in board)
    assert any(place["climbed"] is not None for place in board)


def gone(client: Client, write: Callable[[], Answer]) -> set[str]:
    """What of READ a write took from the cache."""
    for path in READ.values():
        client.get(path)
    assert {client.get(path).cache for path in READ.values()} == {"hit"}
    write()
    return {name for name, path in READ.items() if client.get(path).cache != "hit"}


def items(answer: Answer) -> list[dict[str, Any]]:
    assert isinstance(answer.body, dict)
    listed: list[dict[str, Any]] = answer.body["items"]
    return listed
