"""Users of the full staged run of BACK-006."""

from locust import constant

from scenarios.visitors import Operator, Visitor


class Reader(Visitor):
    """Thinks for a second between two steps, as the documents' own load test does."""

    wait_time = constant(1)


class Batch(Operator):
    """Recomputes the scores while the load goes down."""

    after_seconds = 660.0
