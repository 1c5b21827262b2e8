"""A user who requests the front page."""

from locust import constant, task

from harness.generator import HttpUser


class Visitor(HttpUser):
    """Requests the front page ten times a second."""

    wait_time = constant(0.1)

    @task
    def front(self) -> None:
        """Request the front page."""
        self.client.get("/")
