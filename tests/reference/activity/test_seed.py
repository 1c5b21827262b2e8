"""The generated data: consistent in itself, skewed as in life."""

import psycopg
import pytest

from reference_app.seeds import activity as seed
from tests.reference.running import Postgres


def test_scale_one_is_as_large_as_promised() -> None:
    rows = {table.name: len(table.columns["id"]) for table in seed.generate(1)}
    assert 2_700 <= rows.pop("team_members") <= 3_100
    assert rows == {"users": 2_000, "teams": 200, "activities": 150_000}


@pytest.mark.parametrize(
    "contradiction",
    [
        """users WHERE (distance_m, activity_count) <> (
            SELECT coalesce(sum(a.distance_m), 0), count(*) FROM activities a WHERE user_id = users.id)""",
        """teams WHERE (distance_m, activity_count) <> (
            SELECT coalesce(sum(a.distance_m), 0), count(*) FROM activities a WHERE team_id = teams.id)""",
        "(SELECT FROM team_members GROUP BY team_id, user_id HAVING count(*) > 1) twice",
        "(SELECT FROM team_members WHERE role = 'captain' GROUP BY team_id HAVING count(*) > 1) captains",
        """activities WHERE NOT EXISTS (
            SELECT FROM team_members m WHERE m.team_id = activities.team_id AND m.user_id = activities.user_id
            AND m.joined_at <= started_at)""",
        "team_members JOIN users ON users.id = user_id WHERE joined_at < users.created_at",
        "activities WHERE started_at > created_at OR created_at > '2026-01-01'",
        "activities a JOIN activities b ON a.id + 1 = b.id WHERE a.started_at > b.started_at",
    ],
)
def test_nothing_contradicts_itself(postgres: Postgres, seeded: str, contradiction: str) -> None:
    with psycopg.connect(postgres.url(seeded)) as connection:
        assert connection.execute(f"SELECT count(*) FROM {contradiction}").fetchone() == (0,)


def test_a_few_move_most() -> None:
    users = next(table for table in seed.generate(0.1) if table.name == "users")
    counts = sorted(map(int, users.columns["activity_count"].to_numpy()), reverse=True)
    assert sum(counts[:20]) > 0.25 * sum(counts)  # a tenth of them
