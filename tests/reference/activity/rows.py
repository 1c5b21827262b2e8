"""What of the generated data the tests of this service speak of."""

from typing import Any

from reference_app import seeds
from tests.reference.running import SCALE

TABLES: dict[str, list[dict[str, Any]]] = {}
for table in seeds.generate("activity", SCALE):
    columns = {name: column.to_pylist() for name, column in table.columns.items()}
    TABLES[table.name] = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]

MEMBERS: list[tuple[int, int]] = [(member["user_id"], member["team_id"]) for member in TABLES["team_members"]]
"""Users and their teams."""
EFFORT = {"distance_m": 1_000, "duration_seconds": 300, "source": "watch", "started_at": "2025-12-30T10:00:00Z"}


def members_of(team: int) -> list[int]:
    return [user for user, of in MEMBERS if of == team]


def teams_of(user: int) -> list[int]:
    return [team for of, team in MEMBERS if of == user]


def done_by(user: int) -> list[dict[str, Any]]:
    """Newest first."""
    own = [activity for activity in TABLES["activities"] if activity["user_id"] == user]
    return sorted(own, key=lambda activity: (activity["started_at"], activity["id"]), reverse=True)


def busiest(table: str) -> list[int]:
    """The users or teams with most activities first."""
    ranked = sorted(TABLES[table], key=lambda row: -row["activity_count"])
    return [row["id"] for row in ranked]
