"""Users of the endurance run: the same few, who make nothing that is kept, so that what grows is a leak."""

from scenarios import back_006
from scenarios.crowd import Ranks
from scenarios.members import Member


class Regular(back_006.Person):
    """One of two hundred. With everybody the cache would fill for hours; a token, an article or a payment is kept."""

    people, linked, watched, followed = Ranks(200, 1.1), Ranks(300, 1.4), Ranks(300, 1.3), Ranks(100, 1.3)
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
