"""Inputs and outputs of the activity service, shared by both implementations."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt

from reference_app.answers import encode
from reference_app.cursor import Cursor
from reference_app.database import Row
from reference_app.fields import Id, Input, Recorded, Text

ACTIVITY_COLUMNS = """
    activities.id, activities.user_id, activities.team_id, activities.distance_m, activities.duration_seconds,
    activities.source, activities.note, activities.private, activities.started_at, activities.created_at"""
RECENT = 5  # activities on a dashboard
WEEK = timedelta(days=7)

Metres = Annotated[StrictInt, Field(ge=1, le=1_000_000)]
Seconds = Annotated[StrictInt, Field(ge=0, le=604_800)]


class ActivityChange(Input):
    """The changes of an activity; omitted fields stay, whatever their defaults."""

    distance_m: Metres = 1
    duration_seconds: Seconds = 0
    note: Text = ""
    private: StrictBool = False

    @property
    def counts(self) -> bool:
        """Whether the change may affect totals and leaderboards."""
        return not self.model_fields_set <= {"note", "duration_seconds"}


class Effort(Input):
    """An activity without its user."""

    team_id: Id
    distance_m: Metres
    duration_seconds: Seconds
    source: Literal["manual", "watch", "phone", "import"]
    note: Text = ""
    private: StrictBool = False
    started_at: Recorded


class NewActivity(Effort):
    """An activity to create."""

    user_id: Id


class Upload(Input):
    """Activities of one user from a device, created all or none."""

    user_id: Id
    activities: Annotated[list[Effort], Field(min_length=1, max_length=100)]


def monday(day: date) -> date:
    """The week of a day, identified by its Monday."""
    return day - timedelta(days=day.weekday())


def dashboard_answer(user: Row) -> bytes:
    """A user with totals, teams and the newest activities."""
    shown, short = ("id", "username", "distance_m", "activity_count", "teams"), ("id", "team", "distance_m", "private")
    recent = [{name: activity[name] for name in short} for activity in user["recent"]]
    return encode({name: user[name] for name in shown} | {"recent": recent})


def progress_answer(team: Row) -> bytes:
    """The progress of a team and its members; private members count in the total alone."""
    return encode({**team, "percent": 100 * team["distance_m"] // team["goal_m"]})


def leaderboard_answer(week: date, places: Iterable[Row]) -> bytes:
    """A leaderboard. The percentile is the share of ranked users who moved no further; a climb is in ranks."""
    items = [
        {
            **{name: place[name] for name in ("place", "user_id", "username", "distance_m")},
            "percentile": 100 * (place["ranked"] - place["place"] + 1) // place["ranked"],
            "climbed": place["earlier_place"] and place["earlier_place"] - place["place"],
        }
        for place in places
    ]
    return encode({"week": week, "items": items})


def history_answer(activities: Sequence[Row], limit: int) -> bytes:
    """A page of a history, with the cursor of the next page if this one is full."""
    return encode({"items": activities, "next": Cursor.behind(activities, limit, "started_at")})
