"""Baseline and optimized answer alike: any sequence of requests, reads and writes, good and bad."""

from datetime import datetime

from hypothesis import example, given
from hypothesis import strategies as st

from reference_app.cursor import Cursor
from tests.examples import examples
from tests.reference.activity.rows import EFFORT, MEMBERS, busiest, done_by, members_of
from tests.reference.alike import Alike, Request, bad_ids, bad_limits, junk, limits, text

TABLES = ("users", "teams", "team_members", "activities")
OWN_FIELDS = {"created_at"}

# Few of each, so that requests meet: the busiest team, its members, and what the busiest of them did last.
TEAM, OTHER_TEAM, *_ = busiest("teams")
PERSON = next(user for user in busiest("users") if user in members_of(TEAM))
PAIRS = [pair for pair in MEMBERS if pair[0] == PERSON or pair[1] == TEAM]
LAST = done_by(PERSON)[:6]
DAYS = ["2025-12-31", "2025-12-29", "2025-12-28", "2025-12-17", "2026-01-05", "2000-01-01", "2099-12-31"]
STARTS = ["2025-12-31T10:00:00Z", "2025-12-29T00:00:00Z", "2025-12-28T23:59:59.999999Z", "2025-12-29T01:00:00+02:00"]

users = st.sampled_from([PERSON, *(user for user, _ in PAIRS[:3]), 21, 2**63 - 1])
teams = st.sampled_from([TEAM, OTHER_TEAM, 11, 2**63 - 1])
activities = st.sampled_from([*(activity["id"] for activity in LAST), 1501, 1502, 2**63 - 1])
days = st.sampled_from(DAYS)
starts = st.sampled_from(STARTS)
distances = st.sampled_from([1, 1_000, 5_000, 1_000_000])
cursors = st.sampled_from(
    ["", *(f"&before={Cursor(activity['started_at'], activity['id'])}" for activity in LAST[:3]), "&before=0-1"]
)
effort = st.builds(
    lambda distance, start, note, private: (
        EFFORT | {"distance_m": distance, "started_at": start, "note": note} | private
    ),
    distances,
    starts,
    text,
    st.sampled_from([{}, {"private": True}, {"private": False}]),
)
pairs = st.one_of(st.sampled_from(PAIRS), st.sampled_from(PAIRS), st.tuples(users, teams))
new_activity = st.builds(lambda made, pair: made | {"user_id": pair[0], "team_id": pair[1]}, effort, pairs)
own_teams = st.sampled_from([team for user, team in PAIRS if user == PERSON])
efforts = st.lists(st.builds(lambda made, team: made | {"team_id": team}, effort, own_teams | teams), min_size=1)
upload = st.builds(lambda made: {"user_id": PERSON, "activities": made[:4]}, efforts)
change = st.fixed_dictionaries(
    {}, optional={"note": text, "distance_m": distances, "private": st.booleans(), "duration_seconds": st.just(7)}
)
reads = st.one_of(
    st.builds(lambda user: Request("GET", f"/dashboards/{user}"), users),
    st.builds(lambda team: Request("GET", f"/teams/{team}/progress"), teams),
    st.builds(lambda team, day, limit: Request("GET", f"/teams/{team}/leaderboards/{day}{limit}"), teams, days, limits),
    st.builds(lambda day, limit: Request("GET", f"/leaderboards/{day}{limit}"), days, limits),
    st.builds(lambda user, before: Request("GET", f"/activities/user/{user}?limit=3{before}"), users, cursors),
)
writes = st.one_of(
    st.builds(lambda body: Request("POST", "/activities", body), new_activity),
    st.builds(lambda body: Request("POST", "/activities/bulk", body), upload),
    st.builds(lambda activity, body: Request("PATCH", f"/activities/{activity}", body), activities, change),
    st.builds(lambda activity: Request("DELETE", f"/activities/{activity}"), activities),
)
mistakes = st.one_of(
    st.builds(lambda user: Request("GET", f"/dashboards/{user}"), bad_ids),
    st.builds(lambda limit: Request("GET", f"/leaderboards/2025-12-31{limit}"), bad_limits),
    st.builds(
        lambda day: Request("GET", f"/leaderboards/{day}"),
        st.sampled_from(["2025-02-30", "20251231", "2025-W01-1", "1999-12-31", "2100-01-01", "today", "٢025-01-01"]),
    ),
    st.builds(
        lambda before: Request("GET", f"/activities/user/1?before={before}"),
        st.sampled_from(["", "1", "1-0", "-1-1", "1-9223372036854775808", "99999999999999999-1", "x-y"]),
    ),
    st.builds(lambda activity, body: Request("PATCH", f"/activities/{activity}", body), activities | bad_ids, junk),
    st.builds(
        lambda path, body: Request("POST", path, body), st.sampled_from(["/activities", "/activities/bulk"]), junk
    ),
    st.builds(
        Request, st.sampled_from(["PUT", "DELETE"]), st.sampled_from(["/activities", "/teams/1/progress", "/no"])
    ),
)
kinds = {"read": reads, "write": writes, "mistake": mistakes}
step = st.sampled_from(["read", "write", "write", "write", "mistake"]).flatmap(kinds.__getitem__)
steps = st.lists(step, min_size=1, max_size=6)
WATCHED = [
    Request("GET", path)
    for path in (
        f"/dashboards/{PERSON}",
        f"/dashboards/{members_of(TEAM)[0]}",
        f"/teams/{TEAM}/progress",
        f"/teams/{OTHER_TEAM}/progress",
        f"/teams/{TEAM}/leaderboards/2025-12-31",
        f"/teams/{TEAM}/leaderboards/2025-12-22?limit=2",
        f"/teams/{OTHER_TEAM}/leaderboards/2026-01-05",
        "/leaderboards/2025-12-31?limit=100",
        "/leaderboards/2025-12-24?limit=3",
        "/leaderboards/2025-06-15",
        f"/activities/user/{PERSON}?limit=5",
        f"/activities/user/{PERSON}?limit=5&before={Cursor(LAST[3]['started_at'], LAST[3]['id'])}",
    )
]
FIRST = Request("PATCH", "/activities/1", {"note": "first"})
"""The first write to an empty cache ends everything, those after it what they touch."""
MINE = next(activity["id"] for activity in LAST if not activity["private"])
EACH_WRITE = [
    Request("POST", "/activities", EFFORT | {"user_id": PERSON, "team_id": TEAM}),
    Request("PATCH", f"/activities/{MINE}", {"note": "a remark"}),
    Request("PATCH", f"/activities/{MINE}", {"distance_m": 77_000}),
    Request("PATCH", f"/activities/{MINE}", {"private": True}),
    Request("DELETE", f"/activities/{MINE}"),
    Request("POST", "/activities/bulk", {"user_id": PERSON, "activities": [EFFORT | {"team_id": TEAM}] * 2}),
]


def test_what_is_chosen_is_there() -> None:
    assert len(LAST) == 6
    assert all(isinstance(activity["started_at"], datetime) for activity in LAST)
    assert len(members_of(TEAM)) > 1


@given(steps=steps)
@example(steps=EACH_WRITE)
@examples(3)
def test_any_sequence_of_requests_is_answered_alike(alike: Alike, steps: list[Request]) -> None:
    alike.check([FIRST, *steps])
