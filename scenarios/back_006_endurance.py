"""Users of the endurance run: few users who create no lasting data, so that growth is a leak."""

from scenarios import back_006
from scenarios.crowd import Zipf
from scenarios.members import Member


class Regular(back_006.Person):
    """One of a hundred persons with flat Zipf distributions, so that the cache is full before the end.

    Does not log in, publish or pay, because tokens, articles and payments are kept.
    """

    people, linked, watched, followed = Zipf(100, 0.5), Zipf(100, 0.5), Zipf(100, 0.5), Zipf(50, 0.5)
    logs_in = 0.0

    def to_like(self) -> int:
        """A content that has likes already: a first like would add it to recommendations, and to the cache."""
        return self.chance.popular(self.linked)

    HABITS = (
        [
            Member.read,
            Member.ask,
            Member.open_video,
            Member.browse_videos,
            Member.visit_creator,
            Member.look_at_payments,
            Member.watch,
            Member.like,
        ],
        [0.45, 0.20, 0.16, 0.07, 0.05, 0.03, 0.02, 0.02],
    )
