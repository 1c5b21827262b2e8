"""Users of the endurance run: the same few, who make nothing that is kept, so that what grows is a leak."""

from scenarios import back_006
from scenarios.crowd import Ranks
from scenarios.members import Member


class Regular(back_006.Person):
    """One of a hundred, to whom little is rare: what is seldom asked for would still be filling the cache at the end.

    A token, an article or a payment is kept.
    """

    people, linked, watched, followed = Ranks(100, 0.5), Ranks(100, 0.5), Ranks(100, 0.5), Ranks(50, 0.5)
    logs_in = 0.0

    def to_like(self) -> int:
        """What was liked before: what gets its first like is recommended from then on, and cached."""
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
