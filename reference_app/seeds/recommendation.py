"""Seeded data of the recommendation service, with skewed (Zipf-like) distributions.

Scale 1 is 10,000 contents, over 50,000 tags on them, 20,000 users and 1,000,000 interactions.
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

_SEED = 6
_DAY = 86_400.0
_OLDEST_CONTENT_DAYS = 365.0
_MEAN_CONTENT_DAYS = 60.0  # a growing platform: most contents are recent
_LAST_SCORING_SECONDS = 1 * _DAY  # engagement scores are a day old, as after a nightly batch
_SHARES_OF_KIND = (0.85, 0.97)  # cumulative shares of views, likes, then shares
_KINDS = ("view", "like", "share")
_TOPICS = words("""
    travel music food fitness fashion gaming cinema books history science nature photography design cooking dance
    theatre sport cars wine art
""")
_FACETS = words("news tips live classics beginners experts local weekend stories reviews ideas events")
_TAGS = np.array([f"{topic}-{facet}" for topic in _TOPICS for facet in _FACETS])
_VOCABULARY = words("""
    how we found the quiet side of a city after dark and what it takes to learn something new every week without
    losing patience or sleep while friends keep asking for one more picture from that small place by the sea
""")


def generate(scale: float) -> Iterator[Table]:
    """The five tables, referenced ones first."""
    random = np.random.Generator(np.random.PCG64(_SEED))
    contents, users, interactions = (max(round(scale * full), 10) for full in (10_000, 20_000, 1_000_000))
    tag_weights = zipf_weights(len(_TAGS), 0.8, random)

    yield Table("users", _users(users, random))
    content_ages = np.sort(_content_ages(contents, random))[::-1]
    drawn = _interactions(users, content_ages, interactions, random)
    yield Table("contents", _contents(users, content_ages, drawn, random))
    yield Table("content_tags", _tagged("content_id", tag_weights, 3 + integers(6, contents, random), random))
    interests = integers(9, users, random)  # a ninth of the users have no interests
    yield Table("user_interests", _tagged("user_id", tag_weights, interests, random))
    yield Table("user_interactions", _interaction_columns(drawn))


def _users(count: int, random: np.random.Generator) -> dict[str, Column]:
    ages = (1 + np.sort(random.random(count))[::-1]) * _OLDEST_CONTENT_DAYS * _DAY
    return {
        "id": ids(count),
        "username": pa.array([f"user{number}" for number in range(1, count + 1)]),
        "created_at": moments(ages),
    }


def _content_ages(count: int, random: np.random.Generator) -> Weights:
    days = -np.log(1 - random.random(count)) * _MEAN_CONTENT_DAYS
    ages: Weights = days.clip(max=_OLDEST_CONTENT_DAYS) * _DAY
    return ages


class _Drawn:
    """Interactions in the order of time, as indices of users and contents."""

    def __init__(self, users: Numbers, contents: Numbers, kinds: Numbers, ages: Weights) -> None:
        order = np.argsort(-ages, kind="stable")
        self.users, self.contents, self.kinds, self.ages = users[order], contents[order], kinds[order], ages[order]

    def counters(self, contents: int, *, older_than: float = -1) -> list[Numbers]:
        """Views, likes and shares of each content."""
        seen = self.ages > older_than
        return [np.bincount(self.contents[seen & (self.kinds == kind)], minlength=contents) for kind in range(3)]


def _interactions(users: int, content_ages: Weights, count: int, random: np.random.Generator) -> _Drawn:
    contents = draw(zipf_weights(len(content_ages), 0.9, random), count, random)
    return _Drawn(
        users=draw(zipf_weights(users, 0.6, random), count, random),
        contents=contents,
        kinds=np.searchsorted(_SHARES_OF_KIND, random.random(count), side="right"),
        ages=content_ages[contents] * random.random(count),
    )


def _contents(users: int, ages: Weights, drawn: _Drawn, random: np.random.Generator) -> dict[str, Column]:
    count = len(ages)
    views, likes, shares = drawn.counters(count)
    words = integers(len(_VOCABULARY), count * 60, random).reshape(count, 60)
    return {
        "id": ids(count),
        "creator_id": pa.array(integers(users, count, random) + 1),
        "title": pa.array([" ".join(_VOCABULARY[word] for word in row[:6]).capitalize() for row in words]),
        "body": pa.array([" ".join(_VOCABULARY[word] for word in row[6:]).capitalize() + "." for row in words]),
        "view_count": pa.array(views),
        "like_count": pa.array(likes),
        "share_count": pa.array(shares),
        "engagement_score": pa.array(_scores(ages, drawn)),
        "created_at": moments(ages),
        "updated_at": moments(ages),
    }


def _scores(ages: Weights, drawn: _Drawn) -> Weights:
    """Engagement scores as of the last batch."""
    views, likes, shares = drawn.counters(len(ages), older_than=_LAST_SCORING_SECONDS)
    days = ((ages - _LAST_SCORING_SECONDS) / _DAY).clip(0, 64)
    scores: Weights = (views + 5 * likes + 10 * shares) / (1 + 2.0**-days)
    return scores


def _tagged(owner: str, weights: Weights, counts: Numbers, random: np.random.Generator) -> dict[str, Column]:
    owners, tags = draw_distinct(weights, counts, random)
    return {"id": ids(len(owners)), owner: pa.array(owners + 1), "tag": pa.array(_TAGS[tags])}


def _interaction_columns(drawn: _Drawn) -> dict[str, Column]:
    return {
        "id": ids(len(drawn.ages)),
        "user_id": pa.array(drawn.users + 1),
        "content_id": pa.array(drawn.contents + 1),
        "kind": pa.array(np.array(_KINDS)[drawn.kinds]),
        "created_at": moments(drawn.ages),
    }
