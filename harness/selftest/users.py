"""The users of the trials: one request, again and again."""

from locust import task

from harness.generator import HttpUser


class Caller(HttpUser):
    """Asks for an answer."""

    @task
    def ask(self) -> None:
        """One request."""
        self.client.get("/answer", name="/answer")
