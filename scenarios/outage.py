"""Users of the outage, who continue after failed requests."""

from locust import between

from scenarios.visitors import Visitor


class Patient(Visitor):
    """A visitor with a mean think time of 0.4 s."""

    wait_time = between(0.2, 0.6)
