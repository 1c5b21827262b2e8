"""Cache entries of the feed filter service: lifetimes, and the writes that invalidate them.

Topics of cached responses, and the writes that change them:

    keywords:{user}       keywords of a user                    that user adds or removes a keyword
    configuration:{user}  configuration of a user               that user replaces it
    classification:{key}  classification of a post              it is replaced
    days:{user}           the statistics of a user              an event of a day that is counted already
    days:any              the statistics of all                 the same

An event counts after its day is over: a new one changes no statistics unless it began before midnight.
Lists of events are not cached: the first page changes with every post, the others are read once. Another service
creates users without notification: responses with names have a short lifetime.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from reference_app.answers import encode
from reference_app.cache import Cache, Loaded, always, fill, touched
from reference_app.database import Row
from reference_app.fallback import FallbackPolicy
from reference_app.fields import now
from reference_app.services.feed_filter.baseline import BaselineQueries
from reference_app.services.feed_filter.entities import Classification, Configuration, NewEvent, NewKeyword, UserKey

SPACE = "feed"
PROFILE, KEYWORDS, CONFIGURATION, ANALYTICS, CLASSIFICATION = (
    int(timedelta(minutes=minutes).total_seconds()) for minutes in (5, 10, 30, 60, 24 * 60)
)
WARM = 100  # users, and posts
REBUILT = (10, 30)  # limits of the statistics that are cached in advance
ANY = "any"


class CachedFeedFilter:
    """Responses from the cache, or from ``queries``; fallbacks are the last settings of the busiest users."""

    def __init__(self, queries: BaselineQueries, cache: Cache, policy: FallbackPolicy) -> None:
        self._queries = queries
        self._cache = cache
        self._with_fallback = policy
        self._busiest: Sequence[Row] = ()

    async def users(self, limit: int, after: int | None) -> bytes:
        """Users with their keywords."""

        async def load() -> Loaded:
            users = await self._queries.users(limit, after or 0)
            return Loaded(encode({"items": users}), always(f"keywords:{user['id']}" for user in users))

        return await self._cache.fetch(f"{SPACE}:users:{after or 0}:{limit}", PROFILE, load)

    async def settings(self, key: UserKey, value: int | str) -> bytes:
        """The filter settings of a user."""

        async def load() -> Loaded:
            return _loaded_settings(await self._queries.settings(key, value))

        answer = self._cache.fetch(_settings_key(key, value), PROFILE, load)
        return await self._with_fallback(answer, lambda: self._last_known(key, value))

    async def keywords(self, user_id: int) -> bytes:
        """The keywords of a user."""

        async def load() -> Loaded:
            return Loaded(encode({"items": await self._queries.keywords(user_id)}), always([f"keywords:{user_id}"]))

        return await self._cache.fetch(f"{SPACE}:keywords:{user_id}", KEYWORDS, load)

    async def configuration(self, user_id: int) -> bytes:
        """The configuration of a user."""

        async def load() -> Loaded:
            return Loaded(encode(await self._queries.configuration(user_id)), always([f"configuration:{user_id}"]))

        return await self._cache.fetch(f"{SPACE}:configuration:{user_id}", CONFIGURATION, load)

    async def events(self, user_id: int, limit: int, before: int | None) -> bytes:
        """A page of a user's events."""
        return encode({"items": await self._queries.events(user_id, limit, before)})

    async def statistics(self, user_id: int | None, limit: int) -> bytes:
        """Statistics of past days, of a user or of all."""
        today = now().date()

        async def load() -> Loaded:
            return _loaded_days(user_id, today, await self._queries.statistics(user_id, today, limit))

        return await self._cache.fetch(_days_key(user_id, today, limit), ANALYTICS, load)

    async def classification(self, key: str) -> bytes:
        """The classification of a post."""

        async def load() -> Loaded:
            return _loaded_classification(await self._queries.classification(key))

        return await self._cache.fetch(_classification_key(key), CLASSIFICATION, load)

    async def add_keyword(self, user_id: int, new: NewKeyword) -> bytes:
        """Add a keyword."""
        return await self._changed(f"keywords:{user_id}", await self._queries.add_keyword(user_id, new))

    async def remove_keyword(self, user_id: int, keyword_id: int) -> bytes:
        """Remove a keyword."""
        return await self._changed(f"keywords:{user_id}", await self._queries.remove_keyword(user_id, keyword_id))

    async def configure(self, user_id: int, configuration: Configuration) -> bytes:
        """Replace the configuration."""
        return await self._changed(f"configuration:{user_id}", await self._queries.configure(user_id, configuration))

    async def record(self, event: NewEvent) -> bytes:
        """Create an event."""
        recorded = await self._queries.record(event)
        earliness = -recorded["created_at"].timestamp()
        await self._cache.invalidate(dict.fromkeys((f"days:{event.user_id}", f"days:{ANY}"), earliness))
        return encode(recorded)

    async def classify(self, key: str, classification: Classification) -> bytes:
        """Store a classification."""
        return await self._changed(f"classification:{key}", await self._queries.classify(key, classification))

    async def refresh(self) -> bool:
        """Cache recent posts and users, and keep the settings of the busiest as fallbacks."""

        async def settings() -> dict[str, Loaded]:
            self._busiest = await self._queries.recent_settings(WARM)
            return {_settings_key("id", row["id"]): _loaded_settings(row) for row in self._busiest}

        async def classifications() -> dict[str, Loaded]:
            recent = await self._queries.recent_classifications(WARM)
            return {_classification_key(row["key"]): _loaded_classification(row) for row in recent}

        return await fill(self._cache, CLASSIFICATION, classifications) and await fill(self._cache, PROFILE, settings)

    async def rebuild(self) -> bool:
        """Refresh the statistics of the past day, and cache those of all users."""
        await self._queries.close_days()
        today = now().date()

        async def load() -> dict[str, Loaded]:
            days = await self._queries.statistics(None, today, max(REBUILT))
            return {_days_key(None, today, limit): _loaded_days(None, today, days[:limit]) for limit in REBUILT}

        return await fill(self._cache, ANALYTICS, load)

    def _last_known(self, key: UserKey, value: int | str) -> bytes | None:
        return next((_loaded_settings(row).body for row in self._busiest if row[key] == value), None)

    async def _changed(self, topic: str, row: Row) -> bytes:
        await self._cache.invalidate(touched(topic))
        return encode(row)


_settings_key = f"{SPACE}:settings:{{}}:{{}}".format
_classification_key = f"{SPACE}:classification:{{}}".format


def _days_key(user_id: int | None, today: date, limit: int) -> str:
    return f"{SPACE}:days:{user_id or ANY}:{today}:{limit}"


def _loaded_settings(row: Row) -> Loaded:
    return Loaded(encode(row), always([f"keywords:{row['id']}", f"configuration:{row['id']}"]))


def _loaded_classification(row: Row) -> Loaded:
    return Loaded(encode(row), always([f"classification:{row['key']}"]))


def _loaded_days(user_id: int | None, today: date, days: Sequence[Row]) -> Loaded:
    """The topics of a day's statistics, which a late event from before midnight changes."""
    midnight = datetime.combine(today, time(), UTC).timestamp()
    return Loaded(encode({"items": days}), {f"days:{user_id or ANY}": -midnight})
