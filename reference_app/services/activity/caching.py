"""Cache entries of the activity service: lifetimes, and the writes that invalidate them.

Topics of cached responses, and the writes that change them:

    user:{id}             totals and newest activities of a user      a change of the user's counted activities
    history:{id}          a user's activities in full                 any change of one
    team:{id}             progress of a team                          a change of its counted activities
    week:{monday}:{id}    leaderboard of a team in a week             the same, in that week
    week:{monday}:all     leaderboard of all                          the same, for any team

A note on an activity invalidates a history alone. This service has no fallback: no response suits all users.
"""

from collections.abc import Iterable
from datetime import date, timedelta

from reference_app.answers import encode
from reference_app.cache import Cache, Loaded, always, touched
from reference_app.cursor import Cursor
from reference_app.database import Row
from reference_app.fallback import FallbackPolicy
from reference_app.services.activity import entities
from reference_app.services.activity.baseline import BaselineQueries
from reference_app.services.activity.entities import WEEK, monday

SPACE = "activity"
HOUR, DAY = (int(timedelta(hours=hours).total_seconds()) for hours in (1, 24))


class CachedActivities:
    """Responses from the cache, or from ``queries``."""

    def __init__(self, queries: BaselineQueries, cache: Cache, _: FallbackPolicy) -> None:
        self._queries = queries
        self._cache = cache

    async def dashboard(self, user_id: int) -> bytes:
        """The dashboard of a user."""

        async def load() -> Loaded:
            user = await self._queries.dashboard(user_id)
            teams = (f"team:{team['id']}" for team in user["teams"])
            return Loaded(entities.dashboard_answer(user), always([f"user:{user_id}", *teams]))

        return await self._cache.fetch(f"{SPACE}:dashboard:{user_id}", HOUR, load)

    async def progress(self, team_id: int) -> bytes:
        """The progress of a team."""

        async def load() -> Loaded:
            team = await self._queries.progress(team_id)
            return Loaded(entities.progress_answer(team), always([f"team:{team_id}"]))

        return await self._cache.fetch(f"{SPACE}:progress:{team_id}", HOUR, load)

    async def leaderboard(self, team_id: int | None, day: date, limit: int) -> bytes:
        """The leaderboard of a day's week."""
        week = monday(day)

        async def load() -> Loaded:
            places = await self._queries.leaderboard(team_id, week, limit)
            topics = always(_week_topic(shown, team_id) for shown in (week, week - WEEK))
            return Loaded(entities.leaderboard_answer(week, places), topics)

        return await self._cache.fetch(f"{SPACE}:leaderboard:{week}:{team_id or 'all'}:{limit}", DAY, load)

    async def history(self, user_id: int, before: Cursor, limit: int) -> bytes:
        """A page of a user's activities."""

        async def load() -> Loaded:
            activities = await self._queries.history(user_id, before, limit)
            return Loaded(entities.history_answer(activities, limit), always([f"history:{user_id}"]))

        return await self._cache.fetch(f"{SPACE}:history:{user_id}:{before}:{limit}", HOUR, load)

    async def record(self, new: entities.NewActivity) -> bytes:
        """Create an activity."""
        return await self._changed(await self._queries.record(new))

    async def upload(self, upload: entities.Upload) -> bytes:
        """Create the activities of a device."""
        recorded = await self._queries.upload(upload)
        await self._forget(recorded)
        return encode({"items": recorded})

    async def change(self, activity_id: int, change: entities.ActivityChange) -> bytes:
        """Change an activity."""
        return await self._changed(await self._queries.change(activity_id, change), counts=change.counts)

    async def remove(self, activity_id: int) -> bytes:
        """Delete an activity."""
        return await self._changed(await self._queries.remove(activity_id))

    async def refresh(self) -> bool:
        """Nothing is cached in advance."""
        return True

    async def renew(self) -> bool:
        """Refresh the view of changed weeks. No response changes with it."""
        await self._queries.renew()
        return True

    rebuild = renew

    async def _changed(self, activity: Row, *, counts: bool = True) -> bytes:
        await self._forget([activity], counts=counts)
        return encode(activity)

    async def _forget(self, activities: Iterable[Row], *, counts: bool = True) -> None:
        topics = set()
        for activity in activities:
            user, team, week = activity["user_id"], activity["team_id"], monday(activity["started_at"].date())
            topics.add(f"history:{user}")
            if counts:
                topics |= {f"user:{user}", f"team:{team}", _week_topic(week, team), _week_topic(week, None)}
        await self._cache.invalidate(touched(*topics))


def _week_topic(week: date, team_id: int | None) -> str:
    return f"week:{week}:{team_id or 'all'}"
