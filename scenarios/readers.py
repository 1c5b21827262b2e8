"""Readers of a filtered feed, and an analyst of filter statistics.

In a visit one signed-in reader opens a feed, looks up posts, records events, and sometimes views older events or
changes the filter.
"""

import hashlib
from http.client import CREATED, NOT_FOUND, OK

from locust import between, task

from harness.generator import HttpUser
from scenarios.crowd import Chance, Guest, Zipf

USERS, POSTS = 5_000, 100_000
MEAN_STEPS = 30  # per visit
UNSEEN = 0.01  # share of looked up posts without a classification
TAKEN_BACK = 0.5  # share of added keywords that are removed again
PAGES = (7, 14, 30, 60, 90)  # numbers of days that an analyst requests

ACTIVITY, SPREAD = Zipf(USERS, 1.1), Zipf(POSTS, 1.3)  # few posts are popular


class Reader(Guest):
    """A reader with a mean think time of 0.4 s."""

    wait_time = between(0.2, 0.6)
    people, mean_steps = ACTIVITY, MEAN_STEPS

    def arrive(self) -> None:
        """Start a visit and open the feed."""
        super().arrive()
        self.open_feed()

    def open_feed(self) -> None:
        """Get the filter settings of the person."""
        self.client.get(f"/users/{self.person}/filter", name="/users/{id}/filter")

    def look_up(self) -> None:
        """Get the classification of a post; store one if there is none."""
        key = self.post()
        with self.client.get(f"/classifications/{key}", name="/classifications/{key}", catch_response=True) as answer:
            if answer.status_code != NOT_FOUND:
                return
            answer.success()
        classification = {"label": "wanted", "confidence": self.chance.randrange(50, 101), "model": "small-3"}
        self.client.put(f"/classifications/{key}", json=classification, name="/classifications/{key}")

    def meet(self) -> None:
        """Record that a post was shown or filtered."""
        kind = self.chance.choices(("post_shown", "post_filtered"), (0.75, 0.25))[0]
        self.client.post("/events", json={"user_id": self.person, "kind": kind, "post": self.post()}, name="/events")

    def look_back(self) -> None:
        """Get the latest events, and the page before them."""
        url = f"/users/{self.person}/events?limit=20"
        answer = self.client.get(url, name="/users/{id}/events")
        if answer.status_code == OK and (events := answer.json()["items"]):
            self.client.get(f"{url}&before={events[-1]['id']}", name="/users/{id}/events")

    def count(self) -> None:
        """Get the number of filtered posts per day."""
        self.client.get(f"/users/{self.person}/statistics?limit=30", name="/users/{id}/statistics")

    def change_keywords(self) -> None:
        """Add a keyword, remove half of them again, and check the filter at once: a stale list is a failure."""
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
        """Check the filter after an acknowledged change."""
        name = "/users/{id}/filter after its change"
        with self.client.get(f"/users/{self.person}/filter", name=name, catch_response=True) as answer:
            if answer.status_code != OK:
                return
            if is_there is not any(known["id"] == keyword for known in answer.json()["keywords"]):
                answer.failure("stale response after an acknowledged change")

    def configure(self) -> None:
        """Change the filter configuration."""
        wanted = {
            "strictness": self.chance.choice(("relaxed", "balanced", "strict")),
            "least_confidence": self.chance.randrange(50, 100),
            "hides_promotions": self.chance.random() < 0.8,  # noqa: PLR2004 - the share that hides promotions
        }
        self.client.put(f"/users/{self.person}/configuration", json=wanted, name="/users/{id}/configuration")

    def post(self) -> str:
        """The key of a post, mostly of a popular one of the seeded data."""
        if self.chance.random() < UNSEEN:
            return f"unseen-{self.chance.randrange(10**9)}"
        return hashlib.sha256(f"post {self.chance.popular(SPREAD)}".encode()).hexdigest()[:32]

    HABITS = (
        [look_up, open_feed, meet, look_back, count, change_keywords, configure],
        [0.60, 0.22, 0.085, 0.04, 0.035, 0.015, 0.005],
    )


class Analyst(HttpUser):
    """One analyst for the whole load: views statistics and users."""

    fixed_count = 1
    wait_time = between(0.3, 0.5)

    def on_start(self) -> None:
        """Seed the random generator."""
        self.chance = Chance("analyst-")
        self.last = 0

    @task(3)
    def count(self) -> None:
        """Get the statistics of all users per day."""
        self.client.get(f"/statistics?limit={self.chance.choice(PAGES)}", name="/statistics")

    @task(2)
    def go_through_users(self) -> None:
        """Get the next page of users and their keywords."""
        after = f"&after={self.last}" if self.last else ""
        answer = self.client.get(f"/users?limit=20{after}", name="/users")
        if answer.status_code == OK:
            users = answer.json()["items"]
            self.last = users[-1]["id"] if users else 0

    @task
    def find(self) -> None:
        """Find a user by email address."""
        user = 1 + self.chance.randrange(USERS)
        self.client.get(f"/users/by-email/user{user}@example.com/filter", name="/users/by-email/{email}/filter")
