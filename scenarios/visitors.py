"""People who use the recommendation service, shared by the plans' user files.

A visitor is one signed-in person at a time: asks for recommendations, opens what they show or what is popular, now and
then likes something, and after a while makes room for the next person. Who comes and what they do is drawn from a
seeded generator of the visitor's own, so that every arm of a block is asked the same questions.
"""

import os
from bisect import bisect_left
from itertools import accumulate, count
from random import Random

import gevent
from locust import FastHttpUser, task

USERS, CONTENTS = 20_000, 10_000
RECOMMENDATIONS, CONTENT, LIKE, EDIT = 0.40, 0.563, 0.033, 0.003  # shares of a visitor's steps; the rest creates
FROM_THE_LIST = 0.9  # of the contents that are opened; the others come by a link from elsewhere
MEAN_STEPS = 50  # of one person's visit
TAGS = ("music-live", "travel-tips", "food-local", "sport-news", "cinema-reviews", "books-stories", "science-ideas")

_SEED = os.environ.get("HARNESS_SEED", "0")
_numbers = count()


def _zipf(n: int, exponent: float) -> list[float]:
    total = list(accumulate(1 / rank**exponent for rank in range(1, n + 1)))
    return [weight / total[-1] for weight in total]


_ACTIVITY, _LINKED = _zipf(USERS, 1.1), _zipf(CONTENTS, 1.4)  # links that go round point to few contents
_ATTENTION = [1 / place for place in range(1, 101)]  # people click what stands first


class Visitor(FastHttpUser):
    """Browses; a subclass says how long it thinks between two steps."""

    abstract = True

    def on_start(self) -> None:
        """Take a seeded generator and let the first person in."""
        self.chance = Random(f"{_SEED}-{next(_numbers)}")
        self.arrive()

    def arrive(self) -> None:
        """The next person: more active ones come more often."""
        self.person = bisect_left(_ACTIVITY, self.chance.random()) + 1
        self.steps_left = 1 + int(self.chance.expovariate(1 / MEAN_STEPS))
        self.shown: list[int] = []

    @task
    def step(self) -> None:
        """Do one thing."""
        if self.steps_left == 0:
            self.arrive()
        self.steps_left -= 1
        draw = self.chance.random()
        if not self.shown or draw < RECOMMENDATIONS:
            self.ask()
        elif draw < RECOMMENDATIONS + CONTENT:
            self.client.get(f"/content/{self.choose()}", name="/content/{id}")
        elif draw < RECOMMENDATIONS + CONTENT + LIKE:
            liked = {"user_id": self.person, "content_id": self.choose(), "kind": "like"}
            self.client.post("/interactions", json=liked, name="/interactions")
        elif draw < RECOMMENDATIONS + CONTENT + LIKE + EDIT:
            self.client.put(f"/content/{self.choose()}", json=self.article(), name="/content/{id}")
        else:
            self.client.post("/content", json={"creator_id": self.person, **self.article()}, name="/content")

    def ask(self) -> None:
        """Ask for recommendations and remember what they show."""
        answer = self.client.get(f"/recommendations/{self.person}?limit=10", name="/recommendations/{user_id}")
        if answer.status_code == 200:  # noqa: PLR2004 - HTTP's own number
            self.shown = [item["id"] for item in answer.json()["items"]] or [1]

    def choose(self) -> int:
        """A content to open: from the list, or by a link."""
        if self.chance.random() < FROM_THE_LIST:
            return self.chance.choices(self.shown, _ATTENTION[: len(self.shown)])[0]
        return bisect_left(_LINKED, self.chance.random()) + 1

    def article(self) -> dict[str, object]:
        """Something written."""
        number = self.chance.randrange(10**9)
        return {"title": f"Article {number}", "body": f"Text {number}. " * 20, "tags": self.chance.sample(TAGS, 3)}


class Operator(FastHttpUser):
    """Recomputes all engagement scores once; a subclass says when, in seconds after the load began."""

    abstract = True
    fixed_count = 1
    after_seconds = 10.0

    @task
    def recompute(self) -> None:
        """Wait for the moment, recompute, and be done."""
        gevent.sleep(self.after_seconds)
        self.client.post("/engagement-scores", json={}, name="/engagement-scores")
        self.stop()
