"""People who scroll through a filtered feed, and an analyst who looks at what was filtered.

A reader is one signed-in person at a time: opens a feed, has what is in it looked up and recorded, now and then looks
back or changes what is filtered, and after a while makes room for the next person.
"""

import hashlib
from http.client import CREATED, NOT_FOUND, OK

from locust import between, task

from harness.generator import HttpUser
from scenarios.crowd import Chance, Guest, Ranks

USERS, POSTS = 5_000, 100_000
MEAN_STEPS = 30  # of one person's visit
UNSEEN = 0.01  # of the posts that are looked up; no classifier has said anything of them yet
TAKEN_BACK = 0.5  # of the keywords that are added
PAGES = (7, 14, 30, 60, 90)  # days that an analyst looks at

ACTIVITY, SPREAD = Ranks(USERS, 1.1), Ranks(POSTS, 1.3)  # few posts go round


class Reader(Guest):
    """Thinks for 0.4 s between two steps."""

    wait_time = between(0.2, 0.6)
    people, mean_steps = ACTIVITY, MEAN_STEPS

    def arrive(self) -> None:
        """The next person opens a feed."""
        super().arrive()
        self.open_feed()

    def open_feed(self) -> None:
        """What is filtered, before any of it is shown."""
        self.client.get(f"/users/{self.person}/filter", name="/users/{id}/filter")

    def look_up(self) -> None:
        """What a classifier said of a post; if nothing, the answer of one is handed in."""
        key = self.post()
        with self.client.get(f"/classifications/{key}", name="/classifications/{key}", catch_response=True) as answer:
            if answer.status_code != NOT_FOUND:
                return
            answer.success()
        said = {"label": "wanted", "confidence": self.chance.randrange(50, 101), "model": "small-3"}
        self.client.put(f"/classifications/{key}", json=said, name="/classifications/{key}")

    def meet(self) -> None:
        """A post is shown or filtered, and that is recorded."""
        kind = self.chance.choices(("post_shown", "post_filtered"), (0.75, 0.25))[0]
        self.client.post("/events", json={"user_id": self.person, "kind": kind, "post": self.post()}, name="/events")

    def look_back(self) -> None:
        """What was met last, and what before that."""
        url = f"/users/{self.person}/events?limit=20"
        answer = self.client.get(url, name="/users/{id}/events")
        if answer.status_code == OK and (met := answer.json()["items"]):
            self.client.get(f"{url}&before={met[-1]['id']}", name="/users/{id}/events")

    def count(self) -> None:
        """How much was filtered, day by day."""
        self.client.get(f"/users/{self.person}/statistics?limit=30", name="/users/{id}/statistics")

    def change_keywords(self) -> None:
        """Add a keyword, half of the time take it back, and look at once: the old ones would be a failure."""
        url, new = f"/users/{self.person}/keywords", {"keyword": f"topic {self.chance.randrange(10**9)}"}
        added = self.client.post(url, json=new, name="/users/{id}/keywords")
        if added.status_code != CREATED:
            return
        keyword = added.json()["id"]
        self.look_for(keyword, is_there=True)
        if self.chance.random() < TAKEN_BACK:
            removed = self.client.delete(f"{url}/{keyword}", name="/users/{id}/keywords/{keyword}")
            if removed.status_code == OK:
                self.look_for(keyword, is_there=False)

    def look_for(self, keyword: int, *, is_there: bool) -> None:
        """What is filtered after an acknowledged change of it."""
        name = "/users/{id}/filter after its change"
        with self.client.get(f"/users/{self.person}/filter", name=name, catch_response=True) as answer:
            if answer.status_code != OK:
                return
            if is_there is not any(known["id"] == keyword for known in answer.json()["keywords"]):
                answer.failure("a stale answer after an acknowledged change")

    def configure(self) -> None:
        """Filter more or less than before."""
        wanted = {
            "strictness": self.chance.choice(("relaxed", "balanced", "strict")),
            "least_confidence": self.chance.randrange(50, 100),
            "hides_promotions": self.chance.random() < 0.8,  # noqa: PLR2004 - most do
        }
        self.client.put(f"/users/{self.person}/configuration", json=wanted, name="/users/{id}/configuration")

    def post(self) -> str:
        """The key of a post: mostly of one that goes round, as the generated data has it."""
        if self.chance.random() < UNSEEN:
            return f"unseen-{self.chance.randrange(10**9)}"
        return hashlib.sha256(f"post {self.chance.popular(SPREAD)}".encode()).hexdigest()[:32]

    HABITS = (
        [look_up, open_feed, meet, look_back, count, change_keywords, configure],
        [0.60, 0.22, 0.085, 0.04, 0.035, 0.015, 0.005],
    )


class Analyst(HttpUser):
    """One for all: sees how much is filtered, and for whom."""

    fixed_count = 1
    wait_time = between(0.3, 0.5)

    def on_start(self) -> None:
        """Take a seeded generator."""
        self.chance = Chance("analyst-")
        self.last = 0

    @task(3)
    def count(self) -> None:
        """All that was filtered, day by day."""
        self.client.get(f"/statistics?limit={self.chance.choice(PAGES)}", name="/statistics")

    @task(2)
    def go_through_users(self) -> None:
        """The next page of users and their keywords."""
        after = f"&after={self.last}" if self.last else ""
        answer = self.client.get(f"/users?limit=20{after}", name="/users")
        if answer.status_code == OK:
            users = answer.json()["items"]
            self.last = users[-1]["id"] if users else 0

    @task
    def find(self) -> None:
        """Somebody who wrote a mail."""
        user = 1 + self.chance.randrange(USERS)
        self.client.get(f"/users/by-email/user{user}@example.com/filter", name="/users/by-email/{email}/filter")
