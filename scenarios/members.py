"""People who use the whole social platform.

A member is one person at a time: now and then logs in, is told what they may do, then browses and watches, likes or
pays something, and after a while makes room for the next person. Staff do what members do not: see what is new, due or
wrong, change what members read, and look at once whether it shows.
"""

import os
from http.client import CREATED, NOT_FOUND, OK, UNAUTHORIZED
from itertools import count

from locust import task

from harness.generator import HttpUser
from scenarios.crowd import TAGS, Chance, Guest, Ranks

RECOMMENDATION = os.environ["HARNESS_URL_RECOMMENDATION"]
AUTH = os.environ["HARNESS_URL_AUTH"]
PAYMENT = os.environ["HARNESS_URL_PAYMENT"]
STREAMING = os.environ["HARNESS_URL_CONTENT_STREAMING"]

USERS, CREATORS = 20_000, 3_000
MEAN_STEPS = 40  # of one visit
FROM_A_LIST = 0.9  # of what is opened; the rest comes by a link from elsewhere
ROLES = ("content-reader", "content-author", "comment-editor", "video-reader", "profile-author", "payment-reader")

LINKED, WATCHED = Ranks(10_000, 1.4), Ranks(30_000, 1.3)


class Member(Guest):
    """Browses, watches and pays; a subclass says how long it thinks between two steps.

    A subclass may also say how many people there are, how much there is to see, and which share of visits logs in.
    """

    abstract = True
    mean_steps = MEAN_STEPS
    people, linked, watched, followed = Ranks(USERS, 1.1), LINKED, WATCHED, Ranks(CREATORS, 1.3)
    logs_in = 0.2  # the others were let in on an earlier day

    def on_start(self) -> None:
        """Nobody has logged in or paid yet."""
        self.tokens: dict[int, str] = {}
        self.payments = count()
        super().on_start()

    def arrive(self) -> None:
        """The next person comes in and is told what they may do."""
        super().arrive()
        self.shown, self.videos = [1], [1]
        if self.chance.random() < self.logs_in:
            self.log_in()
        self.client.get(f"{AUTH}/auth/user/{self.person}/permissions", name="/auth/user/{id}/permissions")
        self.ask()

    def log_in(self) -> None:
        """With name and password, as the generated data has them."""
        who = {"username": f"user{self.person}", "password": f"password-{self.person % 16}"}
        with self.client.post(f"{AUTH}/auth/login", json=who, name="/auth/login", catch_response=True) as answer:
            if answer.status_code == OK:
                self.tokens[self.person] = answer.json()["token"]
            elif answer.status_code == UNAUTHORIZED:
                answer.success()  # one of those who may not log in any more; they look around all the same

    def show_token(self) -> None:
        """What every call from outside begins with."""
        if self.person not in self.tokens:
            return
        token = {"Authorization": f"Bearer {self.tokens[self.person]}"}
        with self.client.get(f"{AUTH}/auth/token", headers=token, name="/auth/token", catch_response=True) as answer:
            if answer.status_code == UNAUTHORIZED:
                answer.success()  # it has expired
                del self.tokens[self.person]

    def ask(self) -> None:
        """Ask for recommendations and remember what they show."""
        url = f"{RECOMMENDATION}/recommendations/{self.person}?limit=10"
        answer = self.client.get(url, name="/recommendations/{user_id}")
        if answer.status_code == OK:
            self.shown = [item["id"] for item in answer.json()["items"]] or [1]

    def read(self) -> None:
        """Open a content: mostly from the list, sometimes by a link from elsewhere."""
        self.client.get(f"{RECOMMENDATION}/content/{self.content()}", name="/content/{id}")

    def content(self) -> int:
        """One to open."""
        if self.chance.random() < FROM_A_LIST:
            return self.chance.attracted(self.shown)
        return self.chance.popular(self.linked)

    def like(self) -> None:
        """Like a content."""
        liked = {"user_id": self.person, "content_id": self.to_like(), "kind": "like"}
        self.client.post(f"{RECOMMENDATION}/interactions", json=liked, name="/interactions")

    def to_like(self) -> int:
        """A content: one that they might have opened."""
        return self.content()

    def write(self) -> None:
        """Publish a content."""
        article = {"creator_id": self.person, **self.chance.article()}
        self.client.post(f"{RECOMMENDATION}/content", json=article, name="/content")

    def browse_videos(self) -> None:
        """See what is popular."""
        answer = self.client.get(f"{STREAMING}/videos/popular?limit=20", name="/videos/popular")
        if answer.status_code == OK:
            self.videos = [item["id"] for item in answer.json()["items"]] or [1]

    def open_video(self) -> None:
        """Open a video."""
        self.client.get(f"{STREAMING}/videos/{self.video()}", name="/videos/{id}")

    def video(self) -> int:
        """One to open."""
        if self.chance.random() < FROM_A_LIST:
            return self.chance.attracted(self.videos)
        return self.chance.popular(self.watched)

    def watch(self) -> None:
        """Watch a video to some point."""
        watched = {"user_id": self.person, "seconds_watched": self.chance.randrange(1, 600)}
        self.client.post(f"{STREAMING}/videos/{self.video()}/views", json=watched, name="/videos/{id}/views")

    def visit_creator(self) -> None:
        """Look at a creator's page."""
        creator = self.chance.popular(self.followed)
        self.client.get(f"{STREAMING}/creators/{creator}", name="/creators/{id}")

    def look_at_payments(self) -> None:
        """What was paid, and the latest invoice."""
        self.client.get(f"{PAYMENT}/payments/user/{self.person}?status=settled", name="/payments/user/{id}")
        url = f"{PAYMENT}/invoices/user/{self.person}/latest"
        with self.client.get(url, name="/invoices/user/{id}/latest", catch_response=True) as answer:
            if answer.status_code == NOT_FOUND:
                answer.success()  # never paid anything

    def pay(self) -> None:
        """Pay the next period of the active subscription, if there is one."""
        url = f"{PAYMENT}/subscriptions/user/{self.person}/active"
        with self.client.get(url, name="/subscriptions/user/{id}/active", catch_response=True) as answer:
            if answer.status_code == NOT_FOUND:
                answer.success()
                return
            plan = answer.json()["plan_id"]
        key = f"{self.chance.name}-{next(self.payments)}"
        paid = {"user_id": self.person, "plan_id": plan, "idempotency_key": key}
        self.client.post(f"{PAYMENT}/payments", json=paid, name="/payments")

    HABITS = (
        [read, ask, show_token, open_video, browse_videos, visit_creator, look_at_payments, watch, like, pay, write],
        [0.40, 0.17, 0.10, 0.15, 0.06, 0.04, 0.03, 0.02, 0.02, 0.008, 0.002],
    )


class Staff(HttpUser):
    """Looks after all four services; a subclass says how long it thinks between two tasks."""

    abstract = True
    fixed_count = 1

    def on_start(self) -> None:
        """Take a seeded generator."""
        self.chance = Chance("staff-")
        self.made = count()

    @task(3)
    def correct(self) -> None:
        """Edit a content that is read a lot and look at it at once: the old text would be a failure."""
        content = self.chance.popular(LINKED)
        title = f"Corrected {self.chance.name}-{next(self.made)}"
        change = {"title": title, "body": "Corrected.", "tags": self.chance.sample(TAGS, 3)}
        edited = self.client.put(f"{RECOMMENDATION}/content/{content}", json=change, name="/content/{id}")
        url = f"{RECOMMENDATION}/content/{content}"
        with self.client.get(url, name="/content/{id} after its edit", catch_response=True) as answer:
            if edited.status_code == OK == answer.status_code and answer.json()["title"] != title:
                answer.failure("a stale answer after an acknowledged edit")

    @task
    def look_at_contents(self) -> None:
        """What is new, and what somebody published, met and is interested in."""
        user, tag = self.anybody(), self.chance.choice(TAGS)
        self.client.get(f"{RECOMMENDATION}/contents?limit=20", name="/contents")
        self.client.get(f"{RECOMMENDATION}/tags/{tag}/contents?limit=20", name="/tags/{tag}/contents")
        self.client.get(f"{RECOMMENDATION}/users/{user}/contents", name="/users/{id}/contents")
        self.client.get(f"{RECOMMENDATION}/users/{user}/history", name="/users/{id}/history")
        self.client.get(f"{RECOMMENDATION}/users/{user}/interests", name="/users/{id}/interests")

    @task
    def look_after_users(self) -> None:
        """Who is new, who has a role, who may do something, when somebody left."""
        user = self.anybody()
        self.client.get(f"{AUTH}/auth/users?limit=20", name="/auth/users")
        self.client.get(f"{AUTH}/auth/users/by-name/user{user}", name="/auth/users/by-name/{name}")
        self.client.get(f"{AUTH}/auth/users/by-email/user{user}@example.com", name="/auth/users/by-email/{email}")
        self.client.get(f"{AUTH}/auth/role/content-editor/users", name="/auth/role/{name}/users")
        self.client.get(f"{AUTH}/auth/permission/content-publish/roles", name="/auth/permission/{name}/roles")
        self.client.get(f"{AUTH}/auth/user/{user}/logouts", name="/auth/user/{id}/logouts")
        roles = {"roles": self.chance.sample(ROLES, 2)}
        self.client.put(f"{AUTH}/auth/user/{user}/roles", json=roles, name="/auth/user/{id}/roles")

    @task
    def log_out(self) -> None:
        """Log in and out again; the token must not be taken for valid any more."""
        person = self.anybody()
        who = {"username": f"user{person}", "password": f"password-{person % 16}"}
        with self.client.post(f"{AUTH}/auth/login", json=who, name="/auth/login", catch_response=True) as answer:
            if answer.status_code == UNAUTHORIZED:
                answer.success()
                return
            token = {"Authorization": f"Bearer {answer.json()['token']}"}
        left = self.client.post(f"{AUTH}/auth/logout", headers=token, name="/auth/logout")
        url = f"{AUTH}/auth/token"
        with self.client.get(url, headers=token, name="/auth/token after log-out", catch_response=True) as answer:
            if left.status_code == OK and answer.status_code == UNAUTHORIZED:
                answer.success()
            elif left.status_code == OK:
                answer.failure("a token is taken for valid after its log-out")

    @task
    def look_after_payments(self) -> None:
        """What is due, what went wrong, what is on offer."""
        self.client.get(f"{PAYMENT}/plans", name="/plans")
        self.client.get(f"{PAYMENT}/payments?status=failed", name="/payments")
        self.client.get(f"{PAYMENT}/invoices/overdue", name="/invoices/overdue")
        self.client.get(f"{PAYMENT}/subscriptions/due", name="/subscriptions/due")

    @task
    def look_after_videos(self) -> None:
        """What is new and what everybody watches, who watched, and the next video through the transcoder."""
        user, video = self.anybody(), self.chance.popular(WATCHED)
        self.client.get(f"{STREAMING}/videos?limit=20", name="/videos")
        self.client.get(f"{STREAMING}/videos/trending?limit=20", name="/videos/trending")
        self.client.get(f"{STREAMING}/users/{user}/views", name="/users/{id}/views")
        self.client.get(f"{STREAMING}/videos/{video}/views", name="/videos/{id}/views")
        creator = 1 + user % CREATORS
        page = self.client.get(f"{STREAMING}/creators/{creator}", name="/creators/{id}")
        if page.status_code == OK:
            handle = page.json()["handle"]
            self.client.get(f"{STREAMING}/creators/by-handle/{handle}", name="/creators/by-handle/{handle}")
        new = {"creator_id": creator, "title": "New", "description": "New.", "duration_seconds": 60}
        made = self.client.post(f"{STREAMING}/videos", json=new, name="/videos")
        if made.status_code == CREATED:
            jobs = f"{STREAMING}/videos/{made.json()['id']}/jobs"
            self.client.post(jobs, json={"rendition": "720p"}, name="/videos/{id}/jobs")
        claimed = self.client.post(f"{STREAMING}/jobs/claim", json={"worker": "staff"}, name="/jobs/claim")
        if claimed.status_code == OK:
            done = f"{STREAMING}/jobs/{claimed.json()['id']}/finish"
            self.client.post(done, json={"status": "finished"}, name="/jobs/{id}/finish")

    def anybody(self) -> int:
        """One of all users, each as likely."""
        return 1 + self.chance.randrange(USERS)
