"""What is refused, how, and with which words: the same for both releases."""

from tests.reference.activity.rows import EFFORT, MEMBERS, teams_of
from tests.reference.refusals import refusal_test
from tests.reference.running import Client

USER, TEAM = MEMBERS[0]
FOREIGN = next(team for team in range(1, 11) if team not in teams_of(USER))
NEW = EFFORT | {"user_id": USER, "team_id": TEAM}
NO_ONE, NOWHERE = {"user_id": 99999}, {"team_id": 99999}


test_is_refused_with_a_clear_message = refusal_test(
    ("GET", "/dashboards/x", None, 422, "user_id: must be a whole number from 1 to"),
    ("GET", "/dashboards/99999", None, 404, "user 99999 does not exist"),
    ("GET", "/teams/99999/progress", None, 404, "team 99999 does not exist"),
    ("GET", "/teams/99999/leaderboards/2025-12-31", None, 404, "team 99999 does not exist"),
    ("GET", "/leaderboards/2025-02-29", None, 422, "day: must be a day from 2000-01-01 to 2099-12-31"),
    ("GET", "/leaderboards/2025-12-31?limit=101", None, 422, "limit: must be a whole number from 1 to 100"),
    ("GET", "/activities/user/1?before=1", None, 422, "before: must be the next of an earlier answer"),
    ("POST", "/activities", NEW | NO_ONE, 404, "user 99999 does not exist"),
    ("POST", "/activities", NEW | NOWHERE, 404, "team 99999 does not exist"),
    ("POST", "/activities", NEW | {"team_id": FOREIGN}, 409, f"user {USER} is no member of team {FOREIGN}"),
    ("POST", "/activities", NEW | {"distance_m": 0}, 422, "distance_m: Input should be greater than or equal to 1"),
    ("POST", "/activities", NEW | {"distance_m": 1.5}, 422, "distance_m: Input should be a valid integer"),
    ("POST", "/activities", NEW | {"source": "dream"}, 422, "source: Input should be 'manual', 'watch'"),
    ("POST", "/activities", NEW | {"note": "a\0b"}, 422, "note: Value error, must not contain NUL"),
    ("POST", "/activities", NEW | {"private": 1}, 422, "private: Input should be a valid boolean"),
    ("POST", "/activities", NEW | {"started_at": "2025-12-31T10:00:00"}, 422, "started_at: Input should have time"),
    ("POST", "/activities", NEW | {"started_at": "1999-12-31T10:00:00Z"}, 422, "started_at: Input should be great"),
    ("POST", "/activities", NEW | {"started_at": "2100-01-01T00:00:00Z"}, 422, "started_at: Input should be less"),
    ("POST", "/activities/bulk", {"user_id": USER, "activities": []}, 422, "activities: List should have at least"),
    ("POST", "/activities/bulk", {"user_id": USER, "activities": [NEW]}, 422, "activities.0.user_id: Extra inputs"),
    ("PATCH", "/activities/99999", {"note": "n"}, 404, "activity 99999 does not exist"),
    ("PATCH", "/activities/1", {"note": None}, 422, "note: Input should be a valid string"),
    ("PATCH", "/activities/1", {"team_id": TEAM}, 422, "team_id: Extra inputs are not permitted"),
    ("DELETE", "/activities/99999", None, 404, "activity 99999 does not exist"),
    ("DELETE", "/teams/1/progress", None, 405, "Method Not Allowed"),
)


def test_an_upload_is_recorded_all_or_none(either: Client) -> None:
    before = either.get(f"/dashboards/{USER}").body
    efforts = [EFFORT | {"team_id": TEAM}, EFFORT | {"team_id": FOREIGN}, EFFORT | {"team_id": 99999}]
    refused = either.send("POST", "/activities/bulk", {"user_id": USER, "activities": efforts})
    assert (refused.status, refused.refusal[0]) == (409, "conflict")
    assert either.get(f"/dashboards/{USER}").body == before


def test_a_change_of_nothing_changes_nothing(either: Client) -> None:
    first, second = either.send("PATCH", "/activities/7", {}), either.send("PATCH", "/activities/7")
    assert first.status == second.status == 200
    assert first.body == second.body
