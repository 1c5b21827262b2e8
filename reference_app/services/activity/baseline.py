# ruff: noqa: S608 - the joined texts are constants of this package
"""The baseline queries of the activity service: correct, readable, and slow under load.

Written in the style of an ORM: load the entities, then the rows of each; change an entity, save all of it.
A trigger maintains the totals of users and teams.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date

from reference_app.cursor import Cursor
from reference_app.database import Connection, Database, Row, one, rows, transaction
from reference_app.errors import ConflictError
from reference_app.services.activity import entities
from reference_app.services.activity.entities import ACTIVITY_COLUMNS, WEEK

_USER = "SELECT id, username, privacy, distance_m, activity_count FROM users WHERE id = %s"
_TEAM = "SELECT id, name, goal_m, distance_m, activity_count FROM teams WHERE id = %s"
_LOCK_TEAMS = "SELECT id FROM teams WHERE id = ANY (%s) ORDER BY id FOR NO KEY UPDATE"
_TEAMS_OF = "SELECT team_id, role FROM team_members WHERE user_id = %s ORDER BY team_id"
_MEMBERS = "SELECT user_id, role FROM team_members WHERE team_id = %s"
_MEMBER = "SELECT role FROM team_members WHERE team_id = %s AND user_id = %s"
_ACTIVITY = f"SELECT {ACTIVITY_COLUMNS} FROM activities WHERE id = %s FOR NO KEY UPDATE"
_OF_USER = f"SELECT {ACTIVITY_COLUMNS} FROM activities WHERE user_id = %s ORDER BY started_at DESC, id DESC"
_OF_TEAM = f"SELECT {ACTIVITY_COLUMNS} FROM activities WHERE team_id = %s"
_IN_WEEK = "NOT private AND started_at >= %(from)s AND started_at < %(to)s"
_WEEK_OF_TEAM = f"SELECT user_id, distance_m FROM activities WHERE team_id = %(team_id)s AND {_IN_WEEK}"
_WEEK_OF_ALL = f"""
    SELECT user_id, activities.distance_m FROM activities JOIN users ON users.id = user_id
    WHERE privacy = 'public' AND {_IN_WEEK}
"""
_CREATE = f"""
    INSERT INTO activities (user_id, team_id, distance_m, duration_seconds, source, note, private, started_at)
    VALUES (
        %(user_id)s, %(team_id)s, %(distance_m)s, %(duration_seconds)s, %(source)s, %(note)s, %(private)s,
        %(started_at)s
    ) RETURNING {ACTIVITY_COLUMNS}
"""
_SAVE = f"""
    UPDATE activities SET distance_m = %(distance_m)s, duration_seconds = %(duration_seconds)s, note = %(note)s,
        private = %(private)s
    WHERE id = %(id)s RETURNING {ACTIVITY_COLUMNS}
"""


class BaselineQueries:
    """One query for a list, and one more for each row."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def dashboard(self, user_id: int) -> Row:
        """A user with totals, teams with the user's share, and the newest activities."""
        async with self.database.connection() as connection:
            user = await one(connection, _USER, (user_id,), "user")
            activities = await rows(connection, _OF_USER, (user_id,))
            memberships = await rows(connection, _TEAMS_OF, (user_id,))
            teams = [await _with_team(connection, member, activities) for member in memberships]
            return {**user, "teams": teams, "recent": await _named(connection, activities[: entities.RECENT])}

    async def progress(self, team_id: int) -> Row:
        """A team with its members and their totals in descending order, without private members."""
        async with self.database.connection() as connection:
            team = await one(connection, _TEAM, (team_id,), "team")
            activities = await rows(connection, _OF_TEAM, (team_id,))
            members = []
            for member in await rows(connection, _MEMBERS, (team_id,)):
                user = await one(connection, _USER, (member["user_id"],), "user")
                own = [activity["distance_m"] for activity in activities if activity["user_id"] == user["id"]]
                done = {"username": user["username"], "distance_m": sum(own), "activity_count": len(own)}
                if user["privacy"] != "private":
                    members.append({**member, **done})
            members.sort(key=lambda member: (-member["distance_m"], member["user_id"]))
            return {**team, "members": members}

    async def leaderboard(self, team_id: int | None, week: date, limit: int) -> Sequence[Row]:
        """The leaderboard of a week, of a team or of all users, with ranks and those of the week before.

        Private activities count for neither. All: only public users. A team: all members except private ones.
        """
        async with self.database.connection() as connection:
            if team_id is not None:
                await one(connection, _TEAM, (team_id,), "team")
            places = await _places(connection, team_id, week)
            earlier = {place["user_id"]: place["place"] for place in await _places(connection, team_id, week - WEEK)}
            shown = []
            for place in places[:limit]:
                user = await one(connection, _USER, (place["user_id"],), "user")
                named = {"username": user["username"], "earlier_place": earlier.get(user["id"])}
                shown.append({**place, **named, "ranked": len(places)})
            return shown

    async def history(self, user_id: int, before: Cursor, limit: int) -> Sequence[Row]:
        """A page of a user's activities, newest first, each with the name of its team."""
        place = (before.moment, before.id)
        async with self.database.connection() as connection:
            activities = await rows(connection, _OF_USER, (user_id,))
            page = [activity for activity in activities if (activity["started_at"], activity["id"]) < place]
            return await _named(connection, page[:limit])

    async def record(self, new: entities.NewActivity) -> Row:
        """Create an activity of a member of a team."""
        async with transaction(self.database) as connection:
            await one(connection, _USER, (new.user_id,), "user")
            await _require_member(connection, new.user_id, new.team_id)
            return await one(connection, _CREATE, new.model_dump(), "activity")

    async def upload(self, upload: entities.Upload) -> Sequence[Row]:
        """Create activities one by one. Users, then teams are locked first, in the order of ids."""
        async with transaction(self.database) as connection:
            await one(connection, f"{_USER} FOR NO KEY UPDATE", (upload.user_id,), "user")
            for effort in upload.activities:
                await _require_member(connection, upload.user_id, effort.team_id)
            await connection.execute(_LOCK_TEAMS, ([effort.team_id for effort in upload.activities],))
            each = ({"user_id": upload.user_id, **effort.model_dump()} for effort in upload.activities)
            return [await one(connection, _CREATE, values, "activity") for values in each]

    async def change(self, activity_id: int, change: entities.ActivityChange) -> Row:
        """Load an activity, change it, save all columns."""
        async with transaction(self.database) as connection:
            activity = await one(connection, _ACTIVITY, (activity_id,), "activity")
            return await one(connection, _SAVE, {**activity, **change.model_dump(exclude_unset=True)}, "activity")

    async def remove(self, activity_id: int) -> Row:
        """Delete an activity; returns the deleted row."""
        async with transaction(self.database) as connection:
            activity = await one(connection, _ACTIVITY, (activity_id,), "activity")
            await connection.execute("DELETE FROM activities WHERE id = %s", (activity_id,))
            return activity

    async def renew(self) -> None:
        """Nothing to refresh: ranks are computed on every request."""


async def _with_team(connection: Connection, member: Row, activities: Sequence[Row]) -> Row:
    team = await one(connection, _TEAM, (member["team_id"],), "team")
    members = await rows(connection, _MEMBERS, (team["id"],))
    own = sum(activity["distance_m"] for activity in activities if activity["team_id"] == team["id"])
    return {**team, "role": member["role"], "members": len(members), "own_distance_m": own}


async def _named(connection: Connection, activities: Sequence[Row]) -> list[Row]:
    name = "SELECT name AS team FROM teams WHERE id = %s"
    return [{**one_of, **await one(connection, name, (one_of["team_id"],), "team")} for one_of in activities]


async def _places(connection: Connection, team_id: int | None, week: date) -> list[Row]:
    """All ranked users of a week, best first. In a team each member's privacy is queried separately."""
    asked = _WEEK_OF_ALL if team_id is None else _WEEK_OF_TEAM
    distances: Counter[int] = Counter()
    for activity in await rows(connection, asked, {"team_id": team_id, "from": week, "to": week + WEEK}):
        distances[activity["user_id"]] += activity["distance_m"]
    for user_id in list(distances) if team_id is not None else ():
        if (await one(connection, _USER, (user_id,), "user"))["privacy"] == "private":
            del distances[user_id]
    best = sorted(distances.items(), key=lambda of_user: (-of_user[1], of_user[0]))
    first = {distance: place for place, (_, distance) in reversed(list(enumerate(best, start=1)))}
    return [{"user_id": user, "distance_m": distance, "place": first[distance]} for user, distance in best]


async def _require_member(connection: Connection, user_id: int, team_id: int) -> None:
    await one(connection, _TEAM, (team_id,), "team")
    if not await rows(connection, _MEMBER, (team_id, user_id)):
        raise ConflictError(f"user {user_id} is no member of team {team_id}")
