"""Users of the endurance run: always the same few, so that what there is to cache is cached early."""

from scenarios import back_006
from scenarios.crowd import Ranks


class Regular(back_006.Person):
    """One of two hundred. With everybody the cache would fill for hours, and filling would look like a leak."""

    people, linked, watched, followed = Ranks(200, 1.1), Ranks(300, 1.4), Ranks(300, 1.3), Ranks(100, 1.3)
    logs_in = 0.0  # each log-in is a new token, kept for an hour
