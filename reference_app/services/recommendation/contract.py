"""What both releases promise: the same answers for the same requests."""

from typing import Protocol

from reference_app.services.recommendation.entities import ContentChange, NewContent, NewInteraction, ScoreUpdate


class Recommendations(Protocol):
    """Each method returns the encoded answer, or raises a RequestError."""

    async def recommendations(self, user_id: int, limit: int) -> bytes:
        """Contents with a tag the user is interested in, or any for a user without interests.

        Never one the user has interacted with. Highest engagement score first, then lowest id.
        """
        ...

    async def content(self, content_id: int) -> bytes:
        """One content with its tags and counters."""
        ...

    async def create_content(self, content: NewContent) -> bytes:
        """Publish a content."""
        ...

    async def update_content(self, content_id: int, change: ContentChange) -> bytes:
        """Replace title, body and tags."""
        ...

    async def record_interaction(self, interaction: NewInteraction) -> bytes:
        """Record what a user did, and count it on the content."""
        ...

    async def update_scores(self, update: ScoreUpdate) -> bytes:
        """Recompute every engagement score; tells how many changed.

        score = (views + 5 likes + 10 shares) / (1 + 2^-age), age in days, held between 0 and 64: beyond that
        1 + 2^-age is 1 in double precision, and PostgreSQL refuses to compute a power that underflows.
        """
        ...
