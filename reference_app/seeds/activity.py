"""Seeded data of the activity service, with skewed (Zipf-like) distributions.

Scale 1 is 2,000 users in 200 teams, some in several, and 150,000 activities of the last 52 weeks. A few users move
every day, most once a week.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from reference_app.seeding import (
    Column,
    Numbers,
    Table,
    Weights,
    draw,
    draw_distinct,
    ids,
    integers,
    moments,
    words,
    zipf_weights,
)

_SEED = 27
_DAY = 86_400.0
_DAYS = 364.0
_PRIVACIES, _PRIVACY_UP_TO = words("public team private"), (0.7, 0.9)
_SOURCES, _SOURCE_UP_TO = words("manual watch phone import"), (0.3, 0.7, 0.95)
_PRIVATE, _REMARKED = 0.08, 0.6  # shares of activities
_LEAST_M, _MEAN_M, _MOST_M = 400, 4_500, 60_000
_FIRST_NAMES = np.array(words("amber brisk cedar dusty early foggy green humble ivory jolly keen lively"))
_LAST_NAMES = np.array(words("badgers herons hikers joggers otters pacers ramblers rowers striders swifts walkers"))
_VOCABULARY = np.array(
    words("""
    easy morning round along the river with friends slow start strong finish new shoes hills rain sun wind park bridge
    lunch break longest one yet
    """)
)


def generate(scale: float) -> Iterator[Table]:
    """The four tables, referenced ones first."""
    random = np.random.Generator(np.random.PCG64(_SEED))
    users, teams, activities = (max(round(scale * full), 10) for full in (2_000, 200, 150_000))
    some = 1 + (random.random(users) < 0.35) + (random.random(users) < 0.1)  # noqa: PLR2004 - shares with a second and a third team
    members, joined = draw_distinct(zipf_weights(teams, 0.5, random), some.astype(np.int64), random)
    ages = (1 + np.sort(random.random(users))[::-1]) * _DAYS * _DAY
    done = _Activities(members, joined, activities, random)

    yield Table("users", _users(ages, done, random))
    yield Table("teams", _teams(teams, done, random))
    yield Table("team_members", _team_members(members, joined, ages, random))
    yield Table("activities", done.columns(random))


class _Activities:
    """Activities in the order of their start, as indices of users and teams."""

    def __init__(self, members: Numbers, joined: Numbers, count: int, random: np.random.Generator) -> None:
        busy = zipf_weights(int(members.max()) + 1, 0.5, random)[members]
        chosen = draw(busy / busy.sum(), count, random)
        self.ages: Weights = np.sort(random.random(count))[::-1] * _DAYS * _DAY
        self.users, self.teams = members[chosen], joined[chosen]
        far = _LEAST_M - np.log(1 - random.random(count)) * _MEAN_M
        self.distances: Numbers = far.clip(max=_MOST_M).astype(np.int64)
        self.durations: Numbers = (self.distances * (0.25 + random.random(count) * 0.45)).astype(np.int64)

    def totals(self, owners: Numbers, count: int) -> tuple[Numbers, Numbers]:
        """Metres and activities of each user or team."""
        metres = np.bincount(owners, weights=self.distances, minlength=count).astype(np.int64)
        return metres, np.bincount(owners, minlength=count)

    def columns(self, random: np.random.Generator) -> dict[str, Column]:
        count = len(self.ages)
        drawn = _VOCABULARY[integers(len(_VOCABULARY), count * 6, random)].reshape(count, 6)
        remarked = random.random(count) < _REMARKED
        notes = [" ".join(row).capitalize() if said else "" for row, said in zip(drawn, remarked, strict=True)]
        return {
            "id": ids(count),
            "user_id": pa.array(self.users + 1),
            "team_id": pa.array(self.teams + 1),
            "distance_m": pa.array(self.distances),
            "duration_seconds": pa.array(self.durations),
            "source": _chosen(_SOURCES, _SOURCE_UP_TO, count, random),
            "note": pa.array(notes),
            "private": pa.array(random.random(count) < _PRIVATE),
            "started_at": moments(self.ages),
            "created_at": moments((self.ages - self.durations).clip(min=0)),
        }


def _users(ages: Weights, done: _Activities, random: np.random.Generator) -> dict[str, Column]:
    count = len(ages)
    metres, activities = done.totals(done.users, count)
    return {
        "id": ids(count),
        "username": pa.array([f"user{number}" for number in range(1, count + 1)]),
        "privacy": _chosen(_PRIVACIES, _PRIVACY_UP_TO, count, random),
        "distance_m": pa.array(metres),
        "activity_count": pa.array(activities),
        "created_at": moments(ages),
    }


def _teams(count: int, done: _Activities, random: np.random.Generator) -> dict[str, Column]:
    """The teams. Goals are whole kilometres: some are reached, most are nearly reached."""
    metres, activities = done.totals(done.teams, count)
    first, last = _FIRST_NAMES[integers(12, count, random)], _LAST_NAMES[integers(11, count, random)]
    names = zip(first, last, range(1, count + 1), strict=True)
    goals = (metres * (0.8 + random.random(count))).astype(np.int64) // 1000 * 1000
    return {
        "id": ids(count),
        "name": pa.array([f"{one} {other} {number}".capitalize() for one, other, number in names]),
        "goal_m": pa.array(goals.clip(min=100_000)),
        "distance_m": pa.array(metres),
        "activity_count": pa.array(activities),
        "created_at": moments(np.full(count, 2 * _DAYS * _DAY)),
    }


def _team_members(members: Numbers, joined: Numbers, ages: Weights, random: np.random.Generator) -> dict[str, Column]:
    """The members. The captain of a team is its first member."""
    first = _DAYS * _DAY  # no activity precedes its membership
    captains = np.isin(np.arange(len(joined)), np.unique(joined, return_index=True)[1])
    return {
        "id": ids(len(members)),
        "team_id": pa.array(joined + 1),
        "user_id": pa.array(members + 1),
        "role": pa.array(np.where(captains, "captain", "member")),
        "joined_at": moments(first + random.random(len(members)) * (ages[members] - first)),
    }


def _chosen(what: list[str], up_to: tuple[float, ...], count: int, random: np.random.Generator) -> Column:
    column: Column = pa.array(np.array(what)[np.searchsorted(up_to, random.random(count), side="right")])
    return column
