"""Members and staff of the whole social platform.

In a visit one member sometimes logs in, gets their permissions, then browses, watches, likes or pays. Staff read what
is new, due or failed, edit contents and check at once that the edit is visible.
"""

import os
from http.client import CREATED, NOT_FOUND, OK, UNAUTHORIZED
from itertools import count

from locust import task

from harness.generator import HttpUser
from scenarios.crowd import TAGS, Chance, Guest, Zipf

RECOMMENDATION = os.environ["HARNESS_URL_RECOMMENDATION"]
AUTH = os.environ["HARNESS_URL_AUTH"]
PAYMENT = os.environ["HARNESS_URL_PAYMENT"]
STREAMING = os.environ["HARNESS_URL_CONTENT_STREAMING"]

USERS, CREATORS = 20_000, 3_000
MEAN_STEPS = 40  # per visit
FROM_A_LIST = 0.9  # share of opened items; the others come from external links
ROLES = ("content-reader", "content-author", "comment-editor", "video-reader", "profile-author", "payment-reader")

LINKED, WATCHED = Zipf(10_000, 1.4), Zipf(30_000, 1.3)


class Member(Guest):
    """Browses, watches and pays; a subclass sets the think time.

    A subclass may also set the distributions of people and items, and the share of visits with a log-in.
    """

    abstract = True
    mean_steps = MEAN_STEPS
    people, linked, watched, followed = Zipf(USERS, 1.1), LINKED, WATCHED, Zipf(CREATORS, 1.3)
    logs_in = 0.2  # share of visits with a log-in; the others have a session

    def on_start(self) -> None:
        """Start without tokens and payments."""
        self.tokens: dict[int, str] = {}
        self.payments = count()
        super().on_start()

    def arrive(self) -> None:
        """Start a visit: get permissions and recommendations."""
        super().arrive()
        self.shown, self.videos = [1], [1]
        if self.chance.random() < self.logs_in:
            self.log_in()
        self.client.get(f"{AUTH}/auth/user/{self.person}/permissions", name="/auth/user/{id}/permissions")
        self.ask()

    def log_in(self) -> None:
        """Log in with the name and password of the seeded data."""
        who = {"username": f"user{self.person}", "password": f"password-{self.person % 16}"}
        with self.client.post(f"{AUTH}/auth/login", json=who, name="/auth/login", catch_response=True) as answer:
            if answer.status_code == OK:
                self.tokens[self.person] = answer.json()["token"]
            elif answer.status_code == UNAUTHORIZED:
                answer.success()  # a deactivated user, who continues without a token

    def show_token(self) -> None:
        """Verify the token."""
        if self.person not in self.tokens:
            return
        token = {"Authorization": f"Bearer {self.tokens[self.person]}"}
        with self.client.get(f"{AUTH}/auth/token", headers=token, name="/auth/token", catch_response=True) as answer:
            if answer.status_code == UNAUTHORIZED:
                answer.success()  # the token has expired
                del self.tokens[self.person]

    def ask(self) -> None:
        """Request recommendations and keep the list."""
        url = f"{RECOMMENDATION}/recommendations/{self.person}?limit=10"
        answer = self.client.get(url, name="/recommendations/{user_id}")
        if answer.status_code == OK:
            self.shown = [item["id"] for item in answer.json()["items"]] or [1]

    def read(self) -> None:
        """Open a content."""
        self.client.get(f"{RECOMMENDATION}/content/{self.content()}", name="/content/{id}")

    def content(self) -> int:
        """A content, from the list or from an external link."""
        if self.chance.random() < FROM_A_LIST:
            return self.chance.click(self.shown)
        return self.chance.popular(self.linked)

    def like(self) -> None:
        """Like a content."""
        liked = {"user_id": self.person, "content_id": self.to_like(), "kind": "like"}
        self.client.post(f"{RECOMMENDATION}/interactions", json=liked, name="/interactions")

    def to_like(self) -> int:
        """A content to like, as likely as to open."""
        return self.content()

    def write(self) -> None:
        """Publish a content."""
        article = {"creator_id": self.person, **self.chance.article()}
        self.client.post(f"{RECOMMENDATION}/content", json=article, name="/content")

    def browse_videos(self) -> None:
        """Get popular videos and keep the list."""
        answer = self.client.get(f"{STREAMING}/videos/popular?limit=20", name="/videos/popular")
        if answer.status_code == OK:
            self.videos = [item["id"] for item in answer.json()["items"]] or [1]

    def open_video(self) -> None:
        """Open a video."""
        self.client.get(f"{STREAMING}/videos/{self.video()}", name="/videos/{id}")

    def video(self) -> int:
        """A video, from the list or from an external link."""
        if self.chance.random() < FROM_A_LIST:
            return self.chance.click(self.videos)
        return self.chance.popular(self.watched)

    def watch(self) -> None:
        """Record a view of a random length."""
        watched = {"user_id": self.person, "seconds_watched": self.chance.randrange(1, 600)}
        self.client.post(f"{STREAMING}/videos/{self.video()}/views", json=watched, name="/videos/{id}/views")

    def visit_creator(self) -> None:
        """Open the page of a creator."""
        creator = self.chance.popular(self.followed)
        self.client.get(f"{STREAMING}/creators/{creator}", name="/creators/{id}")

    def look_at_payments(self) -> None:
        """Get settled payments and the latest invoice."""
        self.client.get(f"{PAYMENT}/payments/user/{self.person}?status=settled", name="/payments/user/{id}")
        url = f"{PAYMENT}/invoices/user/{self.person}/latest"
        with self.client.get(url, name="/invoices/user/{id}/latest", catch_response=True) as answer:
            if answer.status_code == NOT_FOUND:
                answer.success()  # has no invoice

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
    """Works on all four services; a subclass sets the think time."""

    abstract = True
    fixed_count = 1

    def on_start(self) -> None:
        """Seed the random generator."""
        self.chance = Chance("staff-")
        self.made = count()

    @task(3)
    def correct(self) -> None:
        """Edit a popular content and read it at once: the old text is a failure."""
        content = self.chance.popular(LINKED)
        title = f"Corrected {self.chance.name}-{next(self.made)}"
        change = {"title": title, "body": "Corrected.", "tags": self.chance.sample(TAGS, 3)}
        edited = self.client.put(f"{RECOMMENDATION}/content/{content}", json=change, name="/content/{id}")
        url = f"{RECOMMENDATION}/content/{content}"
        with self.client.get(url, name="/content/{id} after its edit", catch_response=True) as answer:
            if edited.status_code == OK == answer.status_code and answer.json()["title"] != title:
                answer.failure("stale response after an acknowledged edit")

    @task
    def look_at_contents(self) -> None:
        """Get new contents, and the contents, history and interests of a user."""
        user, tag = self.anybody(), self.chance.choice(TAGS)
        self.client.get(f"{RECOMMENDATION}/contents?limit=20", name="/contents")
        self.client.get(f"{RECOMMENDATION}/tags/{tag}/contents?limit=20", name="/tags/{tag}/contents")
        self.client.get(f"{RECOMMENDATION}/users/{user}/contents", name="/users/{id}/contents")
        self.client.get(f"{RECOMMENDATION}/users/{user}/history", name="/users/{id}/history")
        self.client.get(f"{RECOMMENDATION}/users/{user}/interests", name="/users/{id}/interests")

    @task
    def look_after_users(self) -> None:
        """Get new users, roles, permissions and log-outs; change the roles of a user."""
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
        """Log in and out again; the token must be rejected afterwards."""
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
                answer.failure("token accepted after log-out")

    @task
    def look_after_payments(self) -> None:
        """Get plans, failed payments, overdue invoices and due subscriptions."""
        self.client.get(f"{PAYMENT}/plans", name="/plans")
        self.client.get(f"{PAYMENT}/payments?status=failed", name="/payments")
        self.client.get(f"{PAYMENT}/invoices/overdue", name="/invoices/overdue")
        self.client.get(f"{PAYMENT}/subscriptions/due", name="/subscriptions/due")

    @task
    def look_after_videos(self) -> None:
        """Get videos, views and creators; upload a video and finish a transcoding job."""
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
        """A user, uniformly distributed."""
        return 1 + self.chance.randrange(USERS)
