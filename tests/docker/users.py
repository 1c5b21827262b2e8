"""One user, who asks for the front page."""

from locust import constant, task

from harness.generator import HttpUser


class Visitor(HttpUser):
    """Asks ten times a second."""

    wait_time = constant(0.1)

    @task
    def front(self) -> None:
        """The front page."""
        self.client.get("/")
