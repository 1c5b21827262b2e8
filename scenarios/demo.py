"""Users of the demo: people in a hurry, so that five minutes hold enough requests."""

from locust import between

from scenarios.crowd import Operator
from scenarios.visitors import Visitor


class Hurried(Visitor):
    """Thinks for 0.4 s between two steps."""

    wait_time = between(0.2, 0.6)


class Demo(Operator):
    """Recomputes the scores as the load ends, so that the visitors are measured without it."""

    after_share = 0.92
