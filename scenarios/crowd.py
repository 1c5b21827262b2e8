"""What all users of the plans share: whom and what they choose, drawn from seeded generators, guests and the operator.

Every arm of a block is asked the same questions, since each user draws from a generator of its own, seeded by the leg.
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
_WORKER = f"w{os.environ['HARNESS_WORKER']}-" if "HARNESS_WORKER" in os.environ else ""  # several count from nought
_LEG_SECONDS = float(os.environ.get("HARNESS_SECONDS", "0"))
_NEVER_SECONDS = 1e9
_ATTENTION = [1 / place for place in range(1, 101)]  # people click what stands first
_numbers = count()


class Chance(Random):
    """The generator of one user; ``name`` is different for each, and the same again in every arm of a block."""

    def __init__(self, kind: str = "") -> None:
        self.name = f"{_SEED}-{_WORKER}{kind}{next(_numbers)}"
        super().__init__(self.name)

    def popular(self, ranks: "Ranks") -> int:
        """A number from 1 on, the first ones most often."""
        return bisect_left(ranks.shares, self.random()) + 1

    def attracted(self, shown: list[int]) -> int:
        """One of a list, the first ones most often."""
        return self.choices(shown, _ATTENTION[: len(shown)])[0]

    def article(self) -> dict[str, object]:
        """Something written."""
        number = self.randrange(10**9)
        return {"title": f"Article {number}", "body": f"Text {number}. " * 20, "tags": self.sample(TAGS, 3)}


class Ranks:
    """How popular each of ``n`` things is: the k-th as 1 / k^exponent."""

    def __init__(self, n: int, exponent: float) -> None:
        total = list(accumulate(1 / rank**exponent for rank in range(1, n + 1)))
        self.shares = [weight / total[-1] for weight in total]


class Guest(HttpUser):
    """One person at a time: comes in, takes some steps, and after a while makes room for the next.

    A subclass says who comes, how many steps a visit has in the mean, and what a step is, with which share of them.
    """

    abstract = True
    people: Ranks
    mean_steps: float
    HABITS: tuple[Sequence[Callable[[Any], None]], Sequence[float]]

    def on_start(self) -> None:
        """Take a seeded generator and let the first person in."""
        self.chance = Chance()
        self.arrive()

    @task
    def step(self) -> None:
        """Do one thing."""
        if self.steps_left == 0:
            self.arrive()
        self.steps_left -= 1
        self.act()

    def arrive(self) -> None:
        """The next person: more active ones come more often."""
        self.person = self.chance.popular(self.people)
        self.steps_left = 1 + int(self.chance.expovariate(1 / self.mean_steps))

    def act(self) -> None:
        """One of the habits."""
        (act,) = self.chance.choices(*self.HABITS)
        act(self)


class Operator(HttpUser):
    """Recomputes all engagement scores once, when ``after_share`` of the leg is over; a subclass says where."""

    abstract = True
    fixed_count = 1
    after_share = 0.95
    url = ""

    def on_start(self) -> None:
        """Begin to wait."""
        self.waits = iter((self.after_share * _LEG_SECONDS, _NEVER_SECONDS))
        self.is_time = False

    def wait_time(self) -> float:
        """Until the moment, then for ever: a user that waits may be stopped, one that stopped would be replaced."""
        return next(self.waits)

    @task
    def recompute(self) -> None:
        """Nothing at first: Locust waits between tasks, not before the first."""
        if self.is_time:
            self.client.post(f"{self.url}/engagement-scores", json={}, name="/engagement-scores")
        self.is_time = True
