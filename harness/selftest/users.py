"""Users of the trials: one request, repeated."""

from locust import task

from harness.generator import HttpUser


class Caller(HttpUser):
    """Sends the same request again and again."""

    @task
    def get_answer(self) -> None:
        """Send one request."""
        self.client.get("/answer", name="/answer")
