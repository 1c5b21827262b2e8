"""Fifty at a time for the same teams: every metre is counted, nobody meets a deadlock, nothing is stale."""

from collections.abc import Iterator

import psycopg
import pytest

from tests.reference import running
from tests.reference.activity.rows import EFFORT, MEMBERS, busiest, members_of, teams_of
from tests.reference.activity.sums import TOTALS, UNMARKED
from tests.reference.running import Answer, Client, Postgres, RedisServer
from tests.reference.throng import MANY, at_once, reading

TEAM = busiest("teams")[0]
SEVERAL = [user for user in busiest("users") if len(teams_of(user)) > 1]


@pytest.fixture
def database(request: pytest.FixtureRequest, either: Client, postgres: Postgres) -> Iterator[psycopg.Connection]:
    """That of the release in turn, in which nobody may have met a deadlock."""
    assert either.process.poll() is None
    release = request.node.callspec.params["either"]
    with psycopg.connect(postgres.url(f"{release}_{__name__}"), autocommit=True) as connection:
        yield connection
        assert connection.execute(TOTALS).fetchall() == []
        if release == "optimized":
            assert connection.execute(UNMARKED).fetchall() == []
        deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        assert connection.execute(deadlocks).fetchone() == (0,)


def metres(database: psycopg.Connection) -> int:
    row = database.execute("SELECT distance_m FROM teams WHERE id = %s", (TEAM,)).fetchone()
    assert row is not None
    return int(row[0])


def test_every_metre_of_those_who_move_for_one_team_at_once_is_counted(
    either: Client, database: psycopg.Connection
) -> None:
    before, members = metres(database), members_of(TEAM)

    def move(number: int) -> Answer:
        new = EFFORT | {"user_id": members[number % len(members)], "team_id": TEAM, "distance_m": 1 + number}
        return either.insist("POST", "/activities", new)

    assert {answer.status for answer in at_once(move)} == {201}
    assert metres(database) == before + sum(range(1, MANY + 1))


def test_uploads_for_the_same_teams_in_other_orders(either: Client, database: psycopg.Connection) -> None:
    """Of users with several teams, each for all of theirs, every second the other way round."""
    assert len(SEVERAL) > 3

    def upload(number: int) -> Answer:
        user = SEVERAL[number % len(SEVERAL)]
        teams = (teams_of(user) * 2)[:: -1 if number % 2 else 1]
        return either.insist(
            "POST", "/activities/bulk", {"user_id": user, "activities": [EFFORT | {"team_id": t} for t in teams]}
        )

    before = database.execute("SELECT count(*) FROM activities").fetchone()
    answers = at_once(upload)
    assert {answer.status for answer in answers} == {201}
    recorded = sum(2 * len(teams_of(SEVERAL[number % len(SEVERAL)])) for number in range(MANY))
    assert before is not None
    assert database.execute("SELECT count(*) FROM activities").fetchone() == (before[0] + recorded,)


def test_everything_at_once_leaves_nothing_half_done(either: Client, database: psycopg.Connection) -> None:
    """Few activities, so that every change meets every other."""

    def write(number: int) -> Answer:
        user, team = MEMBERS[number % 5]
        match number % 5:
            case 0:
                return either.insist("POST", "/activities", EFFORT | {"user_id": user, "team_id": team})
            case 1:
                efforts = [EFFORT | {"team_id": each} for each in teams_of(user)]
                return either.insist("POST", "/activities/bulk", {"user_id": user, "activities": efforts})
            case 2:
                return either.insist("PATCH", f"/activities/{1 + number % 3}", {"distance_m": 1 + number})
            case 3:
                return either.insist("PATCH", f"/activities/{1 + number % 3}", {"private": number % 2 == 0})
            case _:
                return either.insist("DELETE", f"/activities/{10 + number % 7}")

    assert database.closed == 0
    for _ in range(3):
        assert {answer.status for answer in at_once(write)} <= {200, 201, 404}


def test_two_releases_side_by_side_count_alike(
    optimized: Client, postgres: Postgres, redis_server: RedisServer
) -> None:
    """As while one replaces the other, over the migrated database."""
    url, members = postgres.url(f"optimized_{__name__}"), members_of(TEAM)
    with running.service("activity", "baseline", url, redis_server.url(3)) as baseline:

        def move(number: int) -> Answer:
            client, user = (baseline, optimized)[number % 2], members[number % len(members)]
            return client.insist("POST", "/activities", EFFORT | {"user_id": user, "team_id": TEAM})

        assert {answer.status for answer in at_once(move)} == {201}
    with psycopg.connect(url) as database:
        assert database.execute(TOTALS).fetchall() == []
        assert database.execute(UNMARKED).fetchall() == []


def test_no_stale_answer_while_many_read_and_write(optimized: Client) -> None:
    """Readers keep filling the cache while a writer checks, after each acknowledged write, all that shows it."""
    user = members_of(TEAM)[0]
    paths = [f"/dashboards/{user}", f"/activities/user/{user}", f"/teams/{TEAM}/progress"]

    def read() -> None:
        for path in paths:
            optimized.get(path)

    with reading(read):
        for version in range(30):
            new = EFFORT | {"user_id": user, "team_id": TEAM, "started_at": f"2026-01-02T10:00:{version:02}Z"}
            recorded = optimized.send("POST", "/activities", new).body
            assert isinstance(recorded, dict)
            for path in paths[:2]:
                assert f'"id":{recorded["id"]},' in optimized.http.get(path).text, path
            remark = {"note": f"version {version}"}
            assert optimized.send("PATCH", f"/activities/{recorded['id']}", remark).status == 200
            assert remark["note"] in optimized.http.get(paths[1]).text
