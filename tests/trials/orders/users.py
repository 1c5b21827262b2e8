"""People who look at their orders."""

import random
from itertools import cycle

from locust import task

from harness.generator import HttpUser

CUSTOMERS = 200


class Customer(HttpUser):
    """All look in turn, in one order in both arms: by chance more who cost much would be a noise of its own."""

    turns = cycle(random.Random(7).sample(range(CUSTOMERS), CUSTOMERS))

    @task
    def look(self) -> None:
        """At the own orders."""
        self.client.get(f"/customers/{next(self.turns)}", name="/customers/{id}")
