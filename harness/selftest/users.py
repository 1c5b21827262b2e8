"""The users that load the service of the trials."""

from locust import task

from harness.generator import HttpUser


class Caller(HttpUser):
    """Sends the same request again and again."""

    @task
    def get_answer(self) -> None:
        self.client.get("/answer", name="/answer")
