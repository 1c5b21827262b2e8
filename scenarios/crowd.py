"""Base classes of the Locust users: seeded random choices, visits, and the operator.

Each user has its own random generator, seeded by the leg, so that every arm of a block gets the same requests.
"""

import os
from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import accumulate, count
from random import Random
from typing import Any

from locust import task

from harness.generator import HttpUser

TAGS = ("music-live", "travel-tips", "food-local", "sport-news", "cinema-reviews", "books-stories", "science-ideas")

_SEED = os.environ.get("HARNESS_SEED", "0")
_WORKER = f"w{os.environ['HARNESS_WORKER']}-" if "HARNESS_WORKER" in os.environ else ""  # each worker counts from zero
_LEG_SECONDS = float(os.environ.get("HARNESS_SECONDS", "0"))
_NEVER_SECONDS = 1e9
_CLICK_WEIGHTS = [1 / position for position in range(1, 101)]  # users click the first entries most
_numbers = count()


class Chance(Random):
    """The random generator of one user; its ``name`` differs between users and is the same in every arm of a block."""

    def __init__(self, kind: str = "") -> None:
        self.name = f"{_SEED}-{_WORKER}{kind}{next(_numbers)}"
        super().__init__(self.name)

    def popular(self, zipf: "Zipf") -> int:
        """An id from 1 on, drawn from a Zipf distribution."""
        return bisect_left(zipf.cumulative, self.random()) + 1

    def click(self, shown: list[int]) -> int:
        """One entry of a list, the first ones most often."""
        return self.choices(shown, _CLICK_WEIGHTS[: len(shown)])[0]

    def article(self) -> dict[str, object]:
        """Title, body and tags of a random article."""
        number = self.randrange(10**9)
        return {"title": f"Article {number}", "body": f"Text {number}. " * 20, "tags": self.sample(TAGS, 3)}


class Zipf:
    """A Zipf distribution over the ids 1 to ``n``: the k-th has weight 1 / k^exponent."""

    def __init__(self, n: int, exponent: float) -> None:
        total = list(accumulate(1 / rank**exponent for rank in range(1, n + 1)))
        self.cumulative = [weight / total[-1] for weight in total]


class Guest(HttpUser):
    """A sequence of visits: each visit is one person, who takes a random number of steps.

    A subclass sets ``people``, the mean number of steps of a visit, and in ``HABITS`` the kinds of steps with their
    shares.
    """

    abstract = True
    people: Zipf
    mean_steps: float
    HABITS: tuple[Sequence[Callable[[Any], None]], Sequence[float]]

    def on_start(self) -> None:
        """Seed the random generator and start the first visit."""
        self.chance = Chance()
        self.arrive()

    @task
    def step(self) -> None:
        """Take one step of the visit; start the next visit when none is left."""
        if self.steps_left == 0:
            self.arrive()
        self.steps_left -= 1
        self.act()

    def arrive(self) -> None:
        """Start the visit of another person; active persons visit more often."""
        self.person = self.chance.popular(self.people)
        self.steps_left = 1 + int(self.chance.expovariate(1 / self.mean_steps))

    def act(self) -> None:
        """Run one of ``HABITS``, drawn by its share."""
        (act,) = self.chance.choices(*self.HABITS)
        act(self)


class Operator(HttpUser):
    """Recomputes all engagement scores once, after ``after_share`` of the leg, at the base URL ``url``."""

    abstract = True
    fixed_count = 1
    after_share = 0.95
    url = ""

    def on_start(self) -> None:
        """Prepare the wait times."""
        self.waits = iter((self.after_share * _LEG_SECONDS, _NEVER_SECONDS))
        self.is_time = False

    def wait_time(self) -> float:
        """Wait until that time, then forever: Locust would replace a user that stops."""
        return next(self.waits)

    @task
    def recompute(self) -> None:
        """Skip the first call: Locust waits between tasks, not before the first."""
        if self.is_time:
            self.client.post(f"{self.url}/engagement-scores", json={}, name="/engagement-scores")
        self.is_time = True
