"""People who look at their orders."""

import random

from locust import task

from harness.generator import HttpUser


class Customer(HttpUser):
    """One of two hundred."""

    def on_start(self) -> None:
        """Have a seed, so that both arms are asked the same."""
        self.chance = random.Random(random.random())

    @task
    def look(self) -> None:
        """At the own orders."""
        self.client.get(f"/customers/{self.chance.randrange(200)}", name="/customers/{id}")
