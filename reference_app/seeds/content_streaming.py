"""Seeded data of the content streaming service, with skewed (Zipf-like) distributions.

Scale 1 is 3,000 creators, 30,000 videos, about 110,000 transcoding jobs and 700,000 views of 20,000 users.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from reference_app.seeding import Column, Numbers, Table, Weights, draw, ids, integers, moments, words, zipf_weights

_SEED = 17
_HOUR, _DAY = 3_600.0, 86_400.0
_OLDEST_VIDEO_DAYS = 730.0
_MEAN_VIDEO_DAYS = 120.0  # a growing platform: most videos are recent
_STATUSES = words("draft processing published withdrawn")
_DRAFT, _PROCESSING, _PUBLISHED, _WITHDRAWN = range(4)
_DRAFTS, _PUBLISHED_UP_TO = 0.06, 0.95  # cumulative shares of videos; the others were withdrawn
_PROCESSING_DAYS = 2.5  # younger videos may still be in processing
_JOB_STATUSES = words("finished running queued failed")
_FINISHED, _RUNNING, _QUEUED, _FAILED = range(4)
_RENDITIONS = words("240p 360p 480p 720p 1080p 1440p 2160p")
_LADDERS = (0.12, 0.42, 0.88, 0.96)  # cumulative shares with 2, 3, 4, 5 renditions, then all; the best is the last
_TRIED_TWICE, _UNTOUCHED, _IMPROVED, _LOST = 0.04, 0.7, 0.1, 0.1  # shares of jobs, drafts, published, running
_BACKLOG_DAYS = 3.0
_WORKERS = 40
_ADJECTIVES = np.array(words("quiet bright northern velvet wild golden rapid gentle hidden electric sunny curious"))
_NOUNS = np.array(words("studio kitchen garage atlas orchestra workshop harbor garden arcade compass theatre lab"))
_VOCABULARY = np.array(
    words("""
    how we found the quiet side of a city after dark and what it takes to learn something new every week without
    losing patience or sleep while friends keep asking for one more picture from that small place by the sea
    """)
)


def generate(scale: float) -> Iterator[Table]:
    """The four tables, referenced ones first."""
    random = np.random.Generator(np.random.PCG64(_SEED))
    creators, count, users, views = (max(round(scale * full), 10) for full in (3_000, 30_000, 20_000, 700_000))

    yield Table("creators", _creators(creators, random))
    videos = _Videos(creators, count, random)
    drawn = _Views(videos, users, views, random)
    yield Table("videos", videos.columns(np.bincount(drawn.videos, minlength=count), random))
    yield Table("transcoding_jobs", _jobs(videos, random))
    yield Table("video_views", drawn.columns())


def _creators(count: int, random: np.random.Generator) -> dict[str, Column]:
    adjectives, nouns = _ADJECTIVES[integers(12, count, random)], _NOUNS[integers(12, count, random)]
    numbers = range(1, count + 1)
    named = list(zip(adjectives, nouns, numbers, strict=True))
    ages = (1 + np.sort(random.random(count))[::-1]) * _OLDEST_VIDEO_DAYS * _DAY
    return {
        "id": pa.array(numbers),
        "handle": pa.array([f"{adjective}-{noun}-{number}" for adjective, noun, number in named]),
        "display_name": pa.array([f"The {adjective} {noun}".title() for adjective, noun, _ in named]),
        "bio": pa.array(_sentences(count, 24, random)),
        "follower_count": pa.array((zipf_weights(count, 1.0, random) * count * 400).astype(np.int64)),
        "created_at": moments(ages),
    }


class _Videos:
    """Videos in the order of creation; ages in seconds before the end of the data."""

    def __init__(self, creators: int, count: int, random: np.random.Generator) -> None:
        days = (-np.log(1 - random.random(count)) * _MEAN_VIDEO_DAYS).clip(max=_OLDEST_VIDEO_DAYS)
        self.ages: Weights = np.sort(days * _DAY)[::-1]
        self.creators = draw(zipf_weights(creators, 0.7, random), count, random)
        chance = random.random(count)
        through = np.where(chance < _PUBLISHED_UP_TO, _PUBLISHED, _WITHDRAWN)
        waiting = (self.ages < _PROCESSING_DAYS * _DAY) & (random.random(count) < 0.6)  # noqa: PLR2004 - more than half
        self.statuses: Numbers = np.where(chance < _DRAFTS, _DRAFT, np.where(waiting, _PROCESSING, through))
        self.shown: Numbers = np.flatnonzero(self.statuses >= _PUBLISHED)  # published now or before
        self.published: Weights = self.ages - (self.ages / 2).clip(max=_HOUR * (3 + 4 * random.random(count)))
        self.durations: Numbers = (30 + random.random(count) ** 3 * 7200).astype(np.int64)
        self.ladders: Numbers = np.array([2, 3, 4, 5, len(_RENDITIONS)])[
            np.searchsorted(_LADDERS, random.random(count), side="right")
        ]

    def columns(self, views: Numbers, random: np.random.Generator) -> dict[str, Column]:
        count, unseen = len(self.ages), self.statuses < _PUBLISHED
        return {
            "id": ids(count),
            "creator_id": pa.array(self.creators + 1),
            "title": pa.array(_sentences(count, 6, random)),
            "description": pa.array([f"{text}." for text in _sentences(count, 40, random)]),
            "status": pa.array(np.array(_STATUSES)[self.statuses]),
            "duration_seconds": pa.array(self.durations),
            "view_count": pa.array(views),
            "published_at": _or_null(moments(self.published), unseen),
            "created_at": moments(self.ages),
            "updated_at": moments(np.where(unseen, self.ages, self.published)),
        }


class _Views:
    """Views in the order of time, most of them soon after the publication of their video."""

    def __init__(self, videos: _Videos, users: int, count: int, random: np.random.Generator) -> None:
        seen = videos.shown[draw(zipf_weights(len(videos.shown), 0.9, random), count, random)]
        viewers = draw(zipf_weights(users, 0.6, random), count, random)
        ages = videos.published[seen] * (1 - random.random(count) ** 2)
        order = np.argsort(-ages, kind="stable")
        self.videos, self.users, self.ages = seen[order], viewers[order], ages[order]
        self.seconds: Numbers = (videos.durations[self.videos] * random.random(count)).astype(np.int64)

    def columns(self) -> dict[str, Column]:
        return {
            "id": ids(len(self.ages)),
            "video_id": pa.array(self.videos + 1),
            "user_id": pa.array(self.users + 1),
            "seconds_watched": pa.array(self.seconds),
            "created_at": moments(self.ages),
        }


def _jobs(videos: _Videos, random: np.random.Generator) -> dict[str, Column]:
    """Jobs in the order of creation: finished, failed and retried, and pending ones."""
    owners, renditions = _made(videos, random)
    count, processing = len(owners), videos.statuses[owners] == _PROCESSING
    chance = random.random(count)
    statuses = np.where(processing, np.searchsorted((0.45, 0.6), chance, side="right"), _FINISHED)
    span = videos.ages[owners] - videos.published[owners]
    created = videos.ages[owners] - span * 0.05 * random.random(count)
    again = np.flatnonzero((statuses == _FINISHED) & (random.random(count) < _TRIED_TWICE))
    more, next_up = _to_come(videos, random)
    since = videos.published[more].clip(max=_BACKLOG_DAYS * _DAY) * random.random(len(more))

    return _job_columns(
        owners=np.concatenate([owners, owners[again], more]),
        renditions=np.concatenate([renditions, renditions[again], next_up]),
        statuses=np.concatenate([statuses, np.full(len(again), _FAILED), np.full(len(more), _QUEUED)]),
        created=np.concatenate([created, (created[again] + videos.ages[owners[again]]) / 2, since]),
        random=random,
    )


def _made(videos: _Videos, random: np.random.Generator) -> tuple[Numbers, Numbers]:
    """A job for each rendition of a video; most drafts have none yet."""
    rungs = np.where((videos.statuses == _DRAFT) & (random.random(len(videos.ages)) < _UNTOUCHED), 0, videos.ladders)
    owners = np.repeat(np.arange(len(rungs)), rungs)
    return owners, np.arange(len(owners)) - np.repeat(np.cumsum(rungs) - rungs, rungs)


def _to_come(videos: _Videos, random: np.random.Generator) -> tuple[Numbers, Numbers]:
    """Jobs that add a rendition to published videos without all of them."""
    open_ended = (videos.statuses == _PUBLISHED) & (videos.ladders < len(_RENDITIONS))
    chosen = np.flatnonzero(open_ended & (random.random(len(videos.ages)) < _IMPROVED))
    return chosen, videos.ladders[chosen]


def _job_columns(
    owners: Numbers, renditions: Numbers, statuses: Numbers, created: Weights, random: np.random.Generator
) -> dict[str, Column]:
    order = np.argsort(-created, kind="stable")
    owners, renditions, statuses, created = owners[order], renditions[order], statuses[order], created[order]
    count, queued, running = len(order), statuses == _QUEUED, statuses == _RUNNING
    lost = random.random(count) < _LOST  # their workers were lost
    usual = created - (created / 8).clip(max=_HOUR) * random.random(count)
    started = np.where(running & ~lost, usual.clip(max=_HOUR) * random.random(count), usual)
    finished = started - (started / 8).clip(max=_HOUR) * random.random(count)
    workers = np.array([f"worker-{number}" for number in range(1, _WORKERS + 1)])[integers(_WORKERS, count, random)]
    return {
        "id": ids(count),
        "video_id": pa.array(owners + 1),
        "rendition": pa.array(np.array(_RENDITIONS)[renditions]),
        "status": pa.array(np.array(_JOB_STATUSES)[statuses]),
        "attempts": pa.array(np.where(queued, 0, np.where(statuses == _FAILED, 3, 1))),
        "worker": _or_null(pa.array(workers), queued),
        "created_at": moments(created),
        "started_at": _or_null(moments(started), queued),
        "finished_at": _or_null(moments(finished), queued | running),
    }


def _or_null(values: Column, missing: npt.NDArray[np.bool_]) -> Column:
    column: Column = pc.if_else(pa.array(~missing), values, None)
    return column


def _sentences(count: int, words: int, random: np.random.Generator) -> list[str]:
    drawn = _VOCABULARY[integers(len(_VOCABULARY), count * words, random)].reshape(count, words)
    return [" ".join(row).capitalize() for row in drawn]
