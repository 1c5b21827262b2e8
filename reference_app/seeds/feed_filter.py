"""Seeded data of the feed filter service, with skewed (Zipf-like) distributions.

Scale 1 is 5,000 users with about 25,000 keywords, 500,000 events in about 20,000 sessions of the last 90 days, and
classifications of 100,000 posts. The key of post number n is a prefix of the SHA-256 of "post n".
"""

import hashlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
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

_SEED = 23
_DAY = 86_400.0
_HISTORY = 90 * _DAY
_SESSION, _EVENTS_OF_A_SESSION = 1_200.0, 25
_UNCONFIGURED = 0.1  # share of users
_MOST_KEYWORDS = 10
_STRICTNESS = words("relaxed balanced strict")
_KINDS = words("post_shown post_filtered post_expanded post_reported")
_SHARES_OF_KIND = (0.72, 0.94, 0.99)  # cumulative shares of shown, filtered, expanded, then reported
_LABELS = words("wanted promotion politics bait")
_SHARES_OF_LABEL = (0.7, 0.86, 0.95)
_MODELS = words("small-2 small-3 large-1")
_FIRST = words("Ada Ben Cleo Dario Elif Femi Greta Hugo Ines Jonas Kiran Lena Mato Nadia Omar Paula Rosa Sami")
_LAST = words("Abel Brandt Castro Duarte Engel Fuchs Garcia Haddad Ivanov Jansen Kaya Lopez Moreau Novak Okafor Peters")
_SUBJECTS = words("election celebrity crypto startup diet football lottery horoscope gossip drama weather traffic")
_ANGLES = words("news opinions rumours tips deals predictions memes threads")
_KEYWORDS = np.array([f"{subject} {angle}" for subject in _SUBJECTS for angle in _ANGLES])


def generate(scale: float) -> Iterator[Table]:
    """The five tables, referenced ones first."""
    random = np.random.Generator(np.random.PCG64(_SEED))
    users, events, posts = (max(round(scale * full), 10) for full in (5_000, 500_000, 100_000))
    keys = np.array([hashlib.sha256(f"post {number}".encode()).hexdigest()[:32] for number in range(1, posts + 1)])

    ages = (1 + np.sort(random.random(users))[::-1]) * _HISTORY
    yield Table("users", _users(ages, random))
    yield Table("keywords", _keywords(ages, random))
    yield Table("filter_configurations", _configurations(ages, random))
    drawn = _Events(users, posts, events, random)
    yield Table("analytics_events", drawn.columns(keys))
    yield Table("classifications", _classifications(keys, drawn.first_met(posts), random))


def _users(ages: Weights, random: np.random.Generator) -> dict[str, Column]:
    count = len(ages)
    first, last = (np.array(names)[integers(len(names), count, random)] for names in (_FIRST, _LAST))
    return {
        "id": ids(count),
        "email": pa.array([f"user{number}@example.com" for number in range(1, count + 1)]),
        "name": pa.array([f"{one} {other}" for one, other in zip(first, last, strict=True)]),
        "created_at": moments(ages),
    }


def _keywords(ages: Weights, random: np.random.Generator) -> dict[str, Column]:
    weights = zipf_weights(len(_KEYWORDS), 0.8, random)
    owners, chosen = draw_distinct(weights, integers(_MOST_KEYWORDS + 1, len(ages), random), random)
    return {
        "id": ids(len(owners)),
        "user_id": pa.array(owners + 1),
        "keyword": pa.array(_KEYWORDS[chosen]),
        "created_at": moments(ages[owners] * random.random(len(owners))),
    }


def _configurations(ages: Weights, random: np.random.Generator) -> dict[str, Column]:
    owners = np.flatnonzero(random.random(len(ages)) >= _UNCONFIGURED)
    count = len(owners)
    return {
        "id": ids(count),
        "user_id": pa.array(owners + 1),
        "strictness": pa.array(np.array(_STRICTNESS)[integers(len(_STRICTNESS), count, random)]),
        "least_confidence": pa.array(50 + integers(50, count, random)),
        "hides_promotions": pa.array(random.random(count) < 0.8),  # noqa: PLR2004 - the share that hides promotions
        "updated_at": moments(ages[owners] * random.random(count)),
    }


class _Events:
    """Events in the order of time, as indices of users and posts, in sessions of twenty minutes."""

    def __init__(self, users: int, posts: int, count: int, random: np.random.Generator) -> None:
        sessions = max(count // _EVENTS_OF_A_SESSION, 1)
        session = integers(sessions, count, random)
        began = _SESSION + random.random(sessions) * (_HISTORY - _SESSION)
        who = draw(zipf_weights(users, 0.6, random), sessions, random)
        ages = began[session] - _SESSION * random.random(count)
        order = np.argsort(-ages, kind="stable")
        self.users: Numbers = who[session][order]
        self.ages: Weights = ages[order]
        self.posts = draw(zipf_weights(posts, 0.9, random), count, random)
        self.kinds: Numbers = np.searchsorted(_SHARES_OF_KIND, random.random(count), side="right")

    def first_met(self, posts: int) -> Weights:
        """The age of the first event of each post; 0 without an event."""
        found = np.zeros(posts)
        np.maximum.at(found, self.posts, self.ages)
        return found

    def columns(self, keys: npt.NDArray[np.str_]) -> dict[str, Column]:
        return {
            "id": ids(len(self.ages)),
            "user_id": pa.array(self.users + 1),
            "kind": pa.array(np.array(_KINDS)[self.kinds]),
            "post": pa.array(keys[self.posts]),
            "created_at": moments(self.ages),
        }


def _classifications(keys: npt.NDArray[np.str_], first_met: Weights, random: np.random.Generator) -> dict[str, Column]:
    """Classifications in the order of creation: up to a second before the first event of the post, or without one."""
    count = len(keys)
    ages = np.where(first_met > 0, first_met + random.random(count), random.random(count) * _HISTORY)
    order = np.argsort(-ages, kind="stable")
    labels = np.searchsorted(_SHARES_OF_LABEL, random.random(count), side="right")
    return {
        "id": ids(count),
        "key": pa.array(keys[order]),
        "label": pa.array(np.array(_LABELS)[labels]),
        "confidence": pa.array(50 + integers(51, count, random)),
        "model": pa.array(np.array(_MODELS)[integers(len(_MODELS), count, random)]),
        "classified_at": moments(ages[order]),
    }
