"""Users of the outage: people who keep asking, whatever they are told."""

from locust import between

from scenarios.visitors import Visitor


class Patient(Visitor):
    """Thinks for 0.4 s between two steps."""

    wait_time = between(0.2, 0.6)
